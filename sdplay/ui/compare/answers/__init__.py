"""What a finished comparison answers: its verdict in a sentence, and its charts."""
