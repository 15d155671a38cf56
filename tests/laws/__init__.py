"""Laws that every entry of a registry keeps. A new entry, also one from a plug-in, is swept without writing a test."""
