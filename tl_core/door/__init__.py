"""Who may come in: whether the app may start at all, passwords, logins, and what may be sent."""
