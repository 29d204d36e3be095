"""The style sheet of the documentation page: light and dark, on a phone and on paper."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: light-dark(#fbfaf8, #171615); --card: light-dark(#fff, #201f1d); --ink: light-dark(#24211e, #e8e4de);
  --soft: light-dark(#6d665e, #a49c92); --line: light-dark(#e6e1da, #35322e); --code: light-dark(#f3f0eb, #2a2825);
  --lamp: light-dark(#b3261e, #ff7a6b); --get: light-dark(#1d6fa5, #7cc0ee); --post: light-dark(#2f7d4f, #7fd0a0);
  --put: light-dark(#8a6100, #e6bd62); --delete: light-dark(#b3261e, #ff8a7d);
}
* { box-sizing: border-box }
html { scroll-behavior: smooth; scroll-padding-top: 1.5rem }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15.5px/1.55 system-ui, sans-serif }
code, .method, .status { font-family: ui-monospace, SFMono-Regular, Menlo, monospace; font-size: .9em }
a { color: inherit; text-decoration-color: var(--line); text-underline-offset: .2em }
a:hover { text-decoration-color: currentcolor }
:focus-visible { outline: 2px solid var(--lamp); outline-offset: 2px; border-radius: 4px }

.page { display: grid; grid-template-columns: 17.5rem minmax(0, 1fr); max-width: 82rem; margin: 0 auto }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; scrollbar-width: thin; padding: 2.2rem 1.4rem;
  border-right: 1px solid var(--line); font-size: .88rem }
nav b { display: block; margin: 1.3rem 0 .3rem; color: var(--soft); font-size: .74rem; font-weight: 650;
  letter-spacing: .06em; text-transform: uppercase }
nav a { display: flex; gap: .55rem; align-items: baseline; padding: .17rem 0; text-decoration: none }
nav a:hover { color: var(--lamp) }
nav .method { min-width: 3.1rem; font-size: .68rem }
main { padding: 2.2rem clamp(1.2rem, 4vw, 3.4rem) 6rem; min-width: 0 }

h1 { display: flex; gap: .7rem; align-items: center; margin: 0; font-size: 2.1rem; letter-spacing: -.02em }
h1::before { content: ""; width: .72em; height: .72em; border-radius: 50%; background: var(--lamp);
  box-shadow: 0 0 .7em color-mix(in srgb, var(--lamp) 60%, transparent) }
h2 { margin: 3.4rem 0 .2rem; font-size: 1.35rem; letter-spacing: -.01em }
h3 { display: flex; flex-wrap: wrap; gap: .3rem .8rem; align-items: baseline; margin: 0; font-size: 1rem;
  font-weight: 500 }
h3 code { overflow-wrap: anywhere }
.lead { margin: .3rem 0 0; font-size: 1.1rem }
.soft { color: var(--soft) }
.steps { display: flex; flex-wrap: wrap; gap: .5rem; margin: 1.4rem 0 0; padding: 0; list-style: none }
.steps li { padding: .22rem .8rem; border: 1px solid var(--line); border-radius: 99px; background: var(--card);
  font-size: .88rem }

article { margin: 1rem 0; padding: 1.15rem 1.35rem 1.25rem; border: 1px solid var(--line); border-radius: 12px;
  background: var(--card) }
article:target { border-color: var(--lamp) }
article p { max-width: 46rem; margin: .45rem 0 0 }
.method { font-weight: 700; text-transform: uppercase }
.get { color: var(--get) } .post { color: var(--post) } .put { color: var(--put) } .delete { color: var(--delete) }
h3 .method { padding: .1rem .55rem; border: 1px solid currentcolor; border-radius: 6px; font-size: .76rem }

h4 { margin: 1.15rem 0 .1rem; color: var(--soft); font-size: .74rem; font-weight: 650; letter-spacing: .06em;
  text-transform: uppercase }
table { width: 100%; border-collapse: collapse; font-size: .92rem }
td { padding: .38rem 1rem .38rem 0; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere }
tr:first-child td { border-top: 0 }
td:first-child { width: 10.5rem; white-space: nowrap } td:nth-child(2) { width: 15rem; color: var(--soft) }
td code, p code { padding: .08em .35em; border-radius: 4px; background: var(--code) }
.status { font-weight: 650 } .good { color: var(--post) } .moved { color: var(--get) } .bad { color: var(--lamp) }

@media (max-width: 60rem) {
  .page { display: flex; flex-direction: column }
  nav { order: 1; position: static; height: auto; border: 0; border-top: 1px solid var(--line) }
  td { display: block; width: auto !important; padding: 0 0 .15rem; border: 0 }
  tr { display: block; padding: .4rem 0; border-top: 1px solid var(--line) }
}
@media print { nav { display: none } .page { display: block } article { break-inside: avoid } }
"""
