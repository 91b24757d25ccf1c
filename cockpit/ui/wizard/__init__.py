"""The wizard's screen: shows one page of questions at a time and sends the answers to `services.wizard`.

May import: `ui.text`, `ui.widgets`, `ui.pages`, `ui.backend`, `ui.messages`, `ui.app_protocol`; `services.wizard`,
`core`, `contract`.
Start reading at `screen.py`; `view.py` makes its lines, `worker.py` answers and fetches pages in a thread.
"""
