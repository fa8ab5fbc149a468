"""Conv Atlas: any PyTorch vision model and a folder of images, as a browsable report."""
