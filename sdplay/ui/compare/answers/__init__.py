"""The answers of a finished comparison: its verdict in a sentence, and its charts."""
