"""Share: the page as an address, what an address may say, and a sweep under a link."""
