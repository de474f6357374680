"""What stands beside the checkpoints: LoRAs, embeddings, upscalers, segmenter and depth."""
