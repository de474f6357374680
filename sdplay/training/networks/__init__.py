"""What learns: the autoencoder, the U-Net, their words, and how fast they learn."""
