"""The cockpit's screens, on Textual. Widgets receive values and post intents; they read no file and judge nothing."""
