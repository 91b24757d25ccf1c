"""An empty Textual app: what the ratios are taken against."""

from textual.app import App, ComposeResult
from textual.widgets import Static


class Empty(App[None]):
    def compose(self) -> ComposeResult:
        yield Static("FIRST FRAME")

    def on_key(self) -> None:
        self.query_one(Static).update(f"KEY {id(object())} {self.key_count}")
        self.key_count += 1

    key_count = 0


if __name__ == "__main__":
    Empty().run()
