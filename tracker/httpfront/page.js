"use strict";
(() => {
  const every = 2000; // ms between two looks at stats.json
  const root = document.documentElement;
  const words = JSON.parse(document.body.dataset.words);
  const byId = (id) => document.getElementById(id);
  const svgSpace = byId("requests").namespaceURI;
  let stats = null;

  // Numbers, written as the server writes them.
  const decimal = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, "\u2009");
  const count = (n) => decimal(String(n));
  const rate = (r) => (r >= 99.95 ? decimal(r.toFixed(0)) : r.toFixed(1));
  const part = (a, b) => (b ? a / b : 0);
  const bytes = (n) => {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let u = 0;
    for (; n >= 1024 && u < units.length - 1; u++) n /= 1024;
    return n.toFixed(n >= 100 || u === 0 ? 0 : 1) + " " + units[u];
  };
  const span = (s) => {
    const unit = words.units.split(" ");
    const lengths = [86400, 3600, 60, 1];
    for (let i = 0; i < 3; i++) {
      if (s >= lengths[i]) {
        return `${Math.floor(s / lengths[i])} ${unit[i]} ${Math.floor((s % lengths[i]) / lengths[i + 1])} ${unit[i + 1]}`;
      }
    }
    return `${s} ${unit[3]}`;
  };
  const clock = (unix) => new Date(unix * 1000).toLocaleTimeString(root.lang, { hourCycle: "h23" });

  // value finds "a.b" in stats.
  const value = (path) => path.split(".").reduce((o, key) => (o ? o[key] : undefined), stats) ?? 0;
  const pair = (paths) => paths.split(" ").map(value);

  // write changes nothing that is as it should be, so that a selection stays.
  const write = (e, text) => {
    if (e.textContent !== text) e.textContent = text;
  };
  const make = (tag, attributes, text) => {
    const e = document.createElement(tag);
    for (const [name, v] of Object.entries(attributes)) e.setAttribute(name, v);
    if (text !== undefined) e.textContent = text;
    return e;
  };
  const draw = (tag, attributes, text) => {
    const e = document.createElementNS(svgSpace, tag);
    for (const [name, v] of Object.entries(attributes)) e.setAttribute(name, v);
    if (text !== undefined) e.textContent = text;
    return e;
  };

  function numbers() {
    for (const e of document.querySelectorAll("[data-count]")) {
      const n = value(e.dataset.count);
      write(e, count(n));
      if (e.tagName === "TD") e.classList.toggle("zero", n === 0);
    }
    for (const e of document.querySelectorAll("[data-rate]")) write(e, rate(value(e.dataset.rate)));
    for (const e of document.querySelectorAll("[data-bytes]")) write(e, bytes(value(e.dataset.bytes)));
    for (const e of document.querySelectorAll("[data-span]")) write(e, span(value(e.dataset.span)));
    for (const e of document.querySelectorAll("[data-each]")) write(e, part(...pair(e.dataset.each)).toFixed(1));
    for (const e of document.querySelectorAll("[data-part]")) {
      const percent = 100 * part(...pair(e.dataset.part));
      if (e.tagName === "rect") e.setAttribute("width", percent.toFixed(2));
      else write(e, percent.toFixed(0) + " %");
    }
  }

  // rows fills the body of a table that is there, anew when it has changed. A row is its cells: texts,
  // or the length of a bar.
  function rows(id, all, headClass) {
    const body = byId(id);
    const seen = JSON.stringify(all);
    if (!body || body.seen === seen) return;
    body.seen = seen;
    body.replaceChildren(...all.map((cells) => {
      const row = make("tr", {});
      cells.forEach((cell, i) => {
        if (i === 0) {
          row.append(make("th", { scope: "row", ...(headClass && { class: headClass }) }, cell));
        } else if (typeof cell === "number") {
          const bar = draw("svg", { class: "bar", viewBox: "0 0 100 1", preserveAspectRatio: "none", "aria-hidden": "true" });
          bar.append(draw("rect", { width: cell.toFixed(2), height: 1 }));
          const td = make("td", {});
          td.append(bar);
          row.append(td);
        } else {
          row.append(make("td", {}, cell));
        }
      });
      return row;
    }));
  }

  const leastBar = 0.7; // percent, for any number but none

  function tables() {
    if (stats.survey) {
      const most = Math.max(...stats.survey.sizes.map((s) => s.swarms));
      const label = (s) => (s.from === s.to ? count(s.to) : `${count(s.from)}–${count(s.to)}`);
      rows("sizes", stats.survey.sizes.map((s) => [label(s), s.swarms && Math.max(leastBar, 100 * part(s.swarms, most)), count(s.swarms)]));
      const top = stats.survey.top || [];
      rows("top", top.map((s) => [s.info_hash, count(s.seeders), count(s.leechers), count(s.completed)]), "hash");
    }
    const state = (n) => words[!n.alive ? "node.gone" : n.synced ? "node.well" : "node.behind"];
    rows("nodes", (stats.nodes || []).map((n) =>
      [n.name, state(n), count(n.peers), count(n.swarms), span(n.uptime_seconds), span(n.silent_seconds)]));
    const h = stats.history;
    const n = 60 / h.step_seconds;
    const mean = (list, end) => list.slice(end - n, end).reduce((sum, x) => sum + x / n, 0);
    const minutes = [];
    for (let end = h.time.length; end >= n; end -= n) {
      minutes.push([String(minutes.length), rate(mean(h.announces_per_second, end)), rate(mean(h.scrapes_per_second, end)),
        count(h.peers[end - 1])]);
    }
    rows("history", minutes);
  }

  // ticks returns round numbers from 0 to at least highest.
  function ticks(highest, whole) {
    const rough = Math.max(highest, whole ? 4 : 1) / 4;
    const ten = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * ten).find((s) => s >= rough * 0.999 && (!whole || s >= 1));
    return Array.from({ length: Math.ceil(highest / step - 1e-9) + 1 }, (_, i) => i * step).concat(highest > 0 ? [] : [step]);
  }
  const short = (n) => {
    for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) if (n >= size) return `${+(n / size).toFixed(1)}${unit}`;
    return String(+n.toFixed(2));
  };

  const half = 1800; // seconds that a chart shows
  const cursors = {}; // by chart: how far left of now the pointer is, in seconds

  // chart draws lines of the last half hour: lines are {name, values}, the first one with an area.
  function chart(id, lines, { format, whole }) {
    const svg = byId(id);
    const { width, height } = svg.getBoundingClientRect();
    if (width === 0) return;
    const times = stats.history.time;
    const right = width - 8, left = 1, top = 18, bottom = height - 20;
    const highest = Math.max(0, ...lines.flatMap((l) => l.values));
    const scale = ticks(highest, whole);
    const x = (t) => right - ((stats.time - t) / half) * (right - left);
    const y = (v) => bottom - (v / scale.at(-1)) * (bottom - top);
    const parts = [], labels = [];
    for (const v of scale) {
      const at = Math.round(y(v)) + 0.5;
      parts.push(draw("line", { class: v ? "grid" : "base", x1: 0, x2: width, y1: at, y2: at }));
      if (v) labels.push(draw("text", { x: 0, y: at - 4 }, short(v)));
    }
    for (let m = 0; m <= 30; m += width < 480 ? 10 : 5) {
      const anchor = m === 0 ? "end" : m === 30 ? "start" : "middle";
      const at = m === 0 ? width : m === 30 ? 0 : x(stats.time - 60 * m);
      labels.push(draw("text", { x: at, y: height - 4, "text-anchor": anchor }, m ? `−${m} ${words.minutes}` : words.now));
    }
    const shown = times.map((t, i) => i).filter((i) => times[i] > stats.time - half);
    lines.forEach((line, n) => {
      let path = "", area = "";
      for (const stretch of stretches(shown, times)) {
        const points = stretch.map((i) => `${x(times[i]).toFixed(1)} ${y(line.values[i]).toFixed(1)}`);
        path += "M" + points.join("L");
        area += `M${x(times[stretch[0]]).toFixed(1)} ${bottom}L${points.join("L")}L${x(times[stretch.at(-1)]).toFixed(1)} ${bottom}Z`;
      }
      if (n === 0) parts.push(draw("path", { class: "area", d: area }));
      parts.push(draw("path", { class: n ? "second" : "first", d: path }));
    });
    labels.push(...cursor(id, shown, lines, { x, y, top, bottom, format }));
    svg.replaceChildren(...parts, ...labels);
    const summary = lines.map((l) => {
      const values = shown.map((i) => l.values[i]);
      return `${l.name}: ${words.latest} ${format(values.at(-1) ?? 0)}, ${words.highest} ${format(Math.max(0, ...values))}`;
    });
    svg.setAttribute("aria-label", summary.join("; "));
  }

  // stretches cuts a line where there is nothing to be seen for some time.
  function stretches(shown, times) {
    const all = [];
    for (const i of shown) {
      if (all.length === 0 || times[i] - times[i - 1] > 3 * stats.history.step_seconds) all.push([]);
      all.at(-1).push(i);
    }
    return all;
  }

  // cursor shows what the pointer is at, and says it above the chart.
  function cursor(id, shown, lines, { x, y, top, bottom, format }) {
    const times = stats.history.time;
    const line = byId(id + "-at");
    if (cursors[id] === undefined || shown.length === 0) {
      write(line, "");
      return [];
    }
    const wanted = stats.time - cursors[id];
    const at = shown.reduce((a, b) => (Math.abs(times[b] - wanted) < Math.abs(times[a] - wanted) ? b : a));
    write(line, [clock(times[at]), ...lines.map((l) => `${l.name} ${format(l.values[at])}`)].join("  ·  "));
    const dots = [draw("line", { class: "cursor", x1: x(times[at]), x2: x(times[at]), y1: top, y2: bottom })];
    lines.forEach((l, n) => dots.push(draw("circle", { class: n ? "second" : "first", cx: x(times[at]), cy: y(l.values[at]), r: 4 })));
    return dots;
  }

  function charts() {
    const h = stats.history;
    chart("requests", [
      { name: words.announces, values: h.announces_per_second },
      { name: words.scrapes, values: h.scrapes_per_second },
    ], { format: rate });
    chart("peers", [{ name: words.peers, values: h.peers }], { format: count, whole: true });
  }

  let paused = false;
  let looking = false;
  let waiting = 0;
  let answered = Date.now() / 1000;

  async function look() {
    if (looking) return;
    looking = true;
    try {
      const response = await fetch("stats.json", { cache: "no-store", signal: AbortSignal.timeout(15000) });
      if (!response.ok) throw new Error(`status ${response.status}`);
      stats = await response.json();
      stats.requests_udp = stats.announces_udp + stats.scrapes_udp;
      stats.requests_http = stats.announces_http + stats.scrapes_http;
      stats.requests = stats.requests_udp + stats.requests_http;
      answered = stats.time;
      write(byId("state"), "");
      show();
    } catch (e) {
      console.error(e);
      write(byId("state"), `· ${words.lost} ${clock(answered)}`);
    }
    looking = false;
    later();
  }
  function show() {
    numbers();
    tables();
    charts();
  }
  function later() {
    clearTimeout(waiting);
    if (!paused && !document.hidden) waiting = setTimeout(look, every);
  }

  byId("charts").hidden = false;
  const pause = byId("pause");
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    write(pause, paused ? words.resume : words.pause);
    if (!paused) look();
  });
  document.addEventListener("visibilitychange", () => (document.hidden || paused ? later() : look()));
  for (const id of ["requests", "peers"]) {
    const svg = byId(id);
    const point = (seconds) => {
      cursors[id] = seconds;
      if (stats) charts();
    };
    svg.addEventListener("pointermove", (e) => {
      const { left, width } = svg.getBoundingClientRect();
      point(((left + width - 8 - e.clientX) / (width - 9)) * half);
    });
    svg.addEventListener("pointerleave", () => point(undefined));
  }
  new ResizeObserver(() => stats && charts()).observe(byId("charts"));
  look();
})();
