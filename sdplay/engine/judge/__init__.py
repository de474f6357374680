"""The judge of the built-in model: finds the things in a picture and names them. It was trained
beside the model, and it knows that model's world only."""
