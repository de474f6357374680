"""Pictures from a run, to look at: single ones, sheets, and how a latent becomes a preview."""
