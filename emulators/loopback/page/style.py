"""How the page looks, by day and by night."""

from __future__ import annotations

CSS = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#5b6570;--line:#dfe3e8;--ground:#f6f7f9;--card:#fff;--link:#0b5cad;
--mark:#e8f0fa;--bad:#b3261e;--badground:#fdeceb;--good:#12693a;--goodground:#e6f4ec;--warn:#8a5300;--warnground:#fff3dc}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#98a2ad;--line:#2e353d;--ground:#12161a;--card:#1a1f25;
--link:#7db5f5;--mark:#22303f;--bad:#ff9a93;--badground:#3a2021;--good:#7fd6a2;--goodground:#17301f;--warn:#f1c16b;
--warnground:#33290f}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:4px}
.skip{position:absolute;left:-99em}.skip:focus{left:1em;top:.5em;background:var(--card);padding:.3em .6em}
header{background:var(--card);border-bottom:1px solid var(--line)}
header>div,main{max-width:76rem;margin:0 auto;padding:0 1.25rem}
header>div{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem 1.5rem;min-height:3.25rem}
header strong{font-size:1rem;letter-spacing:-.01em}
nav{display:flex;flex-wrap:wrap;gap:.15rem}
nav a{padding:.3rem .7rem;border-radius:6px;color:var(--soft)}
nav a:hover{background:var(--mark);text-decoration:none}
nav a[aria-current]{background:var(--mark);color:var(--ink);font-weight:600}
header .now{margin-left:auto;color:var(--soft);font-variant-numeric:tabular-nums;font-size:.87rem}
main{padding-top:1.25rem;padding-bottom:4rem}
h1{font-size:1.45rem;line-height:1.25;margin:.2rem 0 .6rem;letter-spacing:-.015em;overflow-wrap:anywhere}
h2{font-size:1.02rem;margin:1.9rem 0 .55rem}
p{margin:.4rem 0}small,.quiet{color:var(--soft)}small{font-size:.82rem}
.crumbs{color:var(--soft);font-size:.9rem;margin:0}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(21rem,1fr));gap:1rem;align-items:start}
.two{display:grid;grid-template-columns:minmax(0,7fr) minmax(0,5fr);gap:1rem;align-items:start}
@media(max-width:60rem){.two{grid-template-columns:minmax(0,1fr)}}
.stack{display:flex;flex-direction:column;gap:1rem}section>h2:first-child{margin-top:0}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.9rem 1.1rem;min-width:0}
.card>h2:first-child{margin-top:0}
.wide{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:10px}
.card .wide{border:0;background:none;margin:0 -.4rem}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;padding:.42rem .8rem;border-top:1px solid var(--line);vertical-align:baseline}
.card th,.card td{padding-left:.4rem;padding-right:.4rem}
thead th{border-top:0;color:var(--soft);font-weight:600;font-size:.82rem;white-space:nowrap}
tbody tr:first-child>*{border-top:0}thead+tbody tr:first-child>*{border-top:1px solid var(--line)}
tbody tr:hover{background:var(--mark)}
tbody th{font-weight:500;width:15rem}.card tbody th{width:9rem;color:var(--soft);font-weight:400}
td{overflow-wrap:break-word}td code,td bdi{overflow-wrap:anywhere}.value{white-space:pre-wrap}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.t{white-space:nowrap;font-variant-numeric:tabular-nums}
code,.id{font:.88em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.id{white-space:nowrap}
.gone td,.gone th{color:var(--soft)}.gone a bdi{text-decoration:line-through}
.tag{display:inline-block;padding:0 .5em;border-radius:99px;font-size:.78rem;line-height:1.6;background:var(--mark);
color:var(--soft);white-space:nowrap}
.tag.bad{background:var(--badground);color:var(--bad)}.tag.good{background:var(--goodground);color:var(--good)}
.tag.warn{background:var(--warnground);color:var(--warn)}
.said{border-radius:8px;padding:.55rem .9rem;margin:0 0 1rem;background:var(--goodground);color:var(--good)}
.said.bad{background:var(--badground);color:var(--bad)}
form{margin:0}.row{display:flex;flex-wrap:wrap;gap:.6rem .7rem;align-items:end}.row.top{margin:.8rem 0}
.tools{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin:.7rem 0 1rem}
label{display:flex;flex-direction:column;gap:.15rem;min-width:0;font-size:.87rem;color:var(--soft)}
label.check{flex-direction:row;align-items:center;gap:.4rem;padding-bottom:.4rem}
input,select,textarea,button,.button{font:inherit;font-size:.93rem;color:var(--ink);background:var(--ground);
border:1px solid var(--line);border-radius:7px;padding:.36rem .6rem;max-width:100%}
input[type=text],input[type=search],input[type=password]{width:15rem}input.short{width:7rem}input.long{width:100%}
textarea{width:100%;min-height:5rem}input[type=file]{padding:.25rem}
.fill>label{width:100%}.fill input,.fill select{width:100%}.edit .row label{flex:1 1 12rem}.edit input{width:100%}
button,.button{background:var(--link);border-color:var(--link);color:#fff;font-weight:600;cursor:pointer}
.button:hover,button:hover{filter:brightness(1.1);text-decoration:none}
button.plain,.button.plain{background:none;color:var(--link);border-color:var(--line);font-weight:500}
button.danger{background:none;color:var(--bad);border-color:var(--line);font-weight:500}
button.small{padding:.05rem .5rem;font-size:.85rem}
@media(prefers-color-scheme:dark){button:not(.plain,.danger),.button:not(.plain){color:#0d1319}}
details{border-top:1px solid var(--line);padding:.5rem 0}details:first-of-type{border-top:0}
summary{cursor:pointer;padding:.1rem 0}summary small{margin-left:.5rem}details[open]>summary{margin-bottom:.6rem}
.card details form{padding:.2rem 0 .5rem}
meter{width:100%;height:.8rem}
.pages{display:flex;gap:1rem;align-items:center;margin-top:.8rem}
.enter{max-width:27rem;margin:12vh auto 0}
"""
