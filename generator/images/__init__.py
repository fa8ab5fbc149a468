"""Image sets: listed (listing.py), decoded safely whatever they are (decode.py), shown on pages (photos.py)."""

from generator.images.listing import ImageRecord, ImageSet, Skipped, load, scan

__all__ = ["ImageRecord", "ImageSet", "Skipped", "load", "scan"]
