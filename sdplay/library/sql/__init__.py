"""The library's index in SQL: its tables, its full text, and how a question becomes a query."""
