"""The cockpit's screens, on Textual. Widgets receive values and post intents; they read no file and judge nothing.

From the bottom up: `text` (styled lines) and `backend` (what is asked of the services); `state` and `messages`;
`widgets`, and `live` (what keeps the state fresh); `pages`; a package for each screen; `commands`; `app` on top.
Screens know the application by `app_protocol` alone. The order is declared in pyproject.toml.
May import: `cockpit.services` and all below it; how the packages of this one lie is said above.
Start reading at `app.py`, `actions.py`, `state.py`.
"""
