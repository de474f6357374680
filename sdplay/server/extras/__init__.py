"""What stands beside the checkpoints: LoRAs, embeddings, upscalers and the segmenter."""
