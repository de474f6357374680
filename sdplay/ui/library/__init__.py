"""The tab Library: pictures found, chosen, carried away and read in."""
