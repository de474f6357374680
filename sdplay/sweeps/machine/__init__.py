"""What the whole machine spends while a sweep is at work: processors, memory, cards, energy."""
