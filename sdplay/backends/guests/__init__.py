"""Servers that visitors connect on the page, each for one visit and for one browser alone."""

from sdplay.backends.guests.connection import KINDS as KINDS
from sdplay.backends.guests.connection import Connection as Connection
from sdplay.backends.guests.connection import is_connected as is_connected
from sdplay.backends.guests.connection import is_connected_label as is_connected_label
from sdplay.backends.guests.connection import label_of as label_of
from sdplay.backends.guests.visits import Connected as Connected
from sdplay.backends.guests.visits import Visits as Visits
