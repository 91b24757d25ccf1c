"""How a report looks: light and dark, on a phone and on paper; nothing is fetched, and nothing runs."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""The page's Content-Security-Policy: inline style, and nothing else."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --dim: #5b6470; --paper: #fff; --line: #d5dae0; --soft: #f4f6f8;
  --curve: #0b63c5; --level: #9a5b00; --won: #17693a; --lost: #a3261b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --dim: #a3adb8; --paper: #14171a; --line: #3a424b;
  --soft: #1e2328; --curve: #6db3ff; --level: #e3b05e; --won: #6fce94; --lost: #ff9388; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1, h2, h3 { line-height: 1.25; margin: 1.6em 0 .5em; }
h1 { margin-top: 0; }
h2 { border-bottom: 1px solid var(--line); padding-bottom: .2em; }
a { color: var(--curve); }
.dim, caption, figcaption { color: var(--dim); }
.wide { overflow-x: auto; margin: .6em 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .2em 0; }
th, td { text-align: left; vertical-align: top; padding: .3em .8em .3em 0; border-bottom: 1px solid var(--line);
  min-width: 4rem; overflow-wrap: normal; }
.id { white-space: pre; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2em 1em; }
dt { color: var(--dim); }
dd { margin: 0; }
pre { margin: .2em 0; padding: .5em; white-space: pre-wrap; background: var(--soft); border-radius: 4px;
  unicode-bidi: isolate; font: .875rem/1.4 ui-monospace, monospace; max-height: 24rem; overflow: auto; }
summary { cursor: pointer; padding: .3em 0; }
.item { border-left: 3px solid var(--line); padding-left: .8em; margin: .8em 0; }
.won { border-color: var(--won); }
.lost { border-color: var(--lost); }
.finding { border-left: 3px solid var(--level); padding-left: .8em; margin: .8em 0; }
.finding.alarm, .finding.block { border-color: var(--lost); }
.finding.info { border-color: var(--line); }
figure { margin: .8em 0; max-width: 40rem; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--dim); font: 12px system-ui, sans-serif; }
.axis { stroke: var(--line); stroke-width: 1; }
.curve { fill: none; stroke: var(--curve); stroke-width: 1.5; stroke-linejoin: round; }
.dot { fill: var(--curve); }
.level { stroke: var(--level); stroke-width: 1; stroke-dasharray: 5 4; }
@media (max-width: 36rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .4em; } }
@media print { :root { --ink: #000; --dim: #444; --paper: #fff; --line: #bbb; --soft: #fff; --curve: #000;
  --level: #555; --won: #333; --lost: #000; }
  body { max-width: none; padding: 0; font-size: 10pt; } pre { max-height: none; } .wide { overflow: visible; }
  figure, tr, .finding, .item { break-inside: avoid; } h2, h3 { break-after: avoid; } }
"""
