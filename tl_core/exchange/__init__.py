"""Runs that leave this machine or come to it, and what other tools read of them."""
