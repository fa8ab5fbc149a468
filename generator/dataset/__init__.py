"""What units answer to in an image set of any size: where its pictures are, one streaming pass over them, what comes of it."""
