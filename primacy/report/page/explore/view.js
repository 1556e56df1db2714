// What is shown: the view, which the address holds; and a few lines that build elements.
((p) => {
  if (!p.data) return;
  const NS = "http://www.w3.org/2000/svg";
  const build = (element, attributes, inside) => {
    for (const [key, value] of Object.entries(attributes)) {
      if (value == null || value === false) continue;
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...inside.flat(2).filter((x) => x != null));
    return element;
  };
  p.make = (tag, attributes = {}, ...inside) =>
    build(document.createElement(tag), attributes, inside);
  p.draw = (tag, attributes = {}, ...inside) =>
    build(document.createElementNS(NS, tag), attributes, inside);
  // An empty drawing, as large as it says, so that its text is too.
  p.sheet = (width, height, label) =>
    p.draw("svg", {
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      class: "curves",
      role: "img",
      "aria-label": label,
    });
  p.button = (text, onclick, more = {}) =>
    p.make("button", { type: "button", onclick, ...more }, text);
  p.scroll = (label, ...inside) =>
    p.make("div", { class: "scroll", role: "region", "aria-label": label }, ...inside);
  // Characters that cannot be seen, or that turn the text around, are shown as escapes.
  const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
  p.shown = (text) =>
    String(text).replace(HIDDEN, (x) => `\\u${x.codePointAt(0).toString(16).padStart(4, "0")}`);
  p.short = (text, most) =>
    ((t) => (t.length > most ? `${t.slice(0, most - 1)}…` : t))(p.shown(text));
  // A name that may go on in the next line after a dot, a hyphen or the like.
  p.broken = (text) => text.split(/(?<=[._/=-])/).flatMap((x, i) => (i ? [p.make("wbr"), x] : [x]));
  p.name = (f) => (f < 0 ? "the network" : p.shown(p.data.features[f].name));
  p.swatch = (f) => p.make("span", { class: `swatch hue${p.look(f).hue}`, "aria-hidden": "true" });
  p.look = (f) => (f < 0 ? { hue: 8, dash: [] } : p.data.features[f]);

  // One stop for the keyboard in a group; arrows go on from there.
  p.roving = (group, selector) => {
    const items = () => [...group.querySelectorAll(selector)];
    const stop = (item) => items().forEach((x) => (x.tabIndex = x === item ? 0 : -1));
    if (!group.dataset.roving) {
      group.dataset.roving = "on";
      group.addEventListener(
        "focusin",
        (event) => event.target.matches(selector) && stop(event.target),
      );
      group.addEventListener("keydown", (event) => {
        const all = items(),
          at = all.indexOf(event.target);
        if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
        const here = all[at].getBoundingClientRect();
        const row = (way) => {
          const beyond = all
            .map((x) => [x, x.getBoundingClientRect()])
            .filter(([, r]) => way * (r.top - here.top) > here.height / 2);
          const near = Math.min(...beyond.map(([, r]) => way * (r.top - here.top)));
          return beyond
            .filter(([, r]) => way * (r.top - here.top) < near + 4)
            .sort(
              (a, b) => Math.abs(a[1].left - here.left) - Math.abs(b[1].left - here.left),
            )[0]?.[0];
        };
        const next = {
          ArrowRight: () => all[at + 1],
          ArrowLeft: () => all[at - 1],
          ArrowDown: () => row(1),
          ArrowUp: () => row(-1),
          Home: () => all[0],
          End: () => all.at(-1),
        }[event.key]?.();
        if (!next) return;
        event.preventDefault();
        next.focus();
      });
    }
    const chosen = group.querySelector(`${selector}[aria-pressed="true"]`) ?? items()[0];
    if (chosen) stop(chosen);
  };

  // ---- the view
  const plain = {
    c: 0,
    m: "criterion",
    n: "steps",
    f: 0,
    x: "log",
    theta: null,
    t: null,
    seed: null,
  };
  const view = (p.view = { ...plain });
  const members = (p.members = [
    ...new Set(p.data.conditions.map((c) => c.study).filter((x) => x != null)),
  ]);
  plain.g = view.g = 0;

  // The factors of the conditions shown, and where each is: across, down, or one level only.
  p.arrange = (places = {}) => {
    p.pool =
      members.length > 1
        ? p.data.conditions.filter((c) => c.study === members[view.g])
        : p.data.conditions;
    const names = [...new Set(p.pool.flatMap((c) => Object.keys(c.factors)))];
    const level = (c, name) => (name in c.factors ? String(c.factors[name]) : "–");
    let found = names.map((name) => ({
      name,
      of: (c) => level(c, name),
      levels: [...new Set(p.pool.map((c) => level(c, name)))],
    }));
    found = found.filter((f) => f.levels.length > 1);
    // A cell holds one condition, or they are a list.
    const cells = new Set(p.pool.map((c) => JSON.stringify(found.map((f) => f.of(c)))));
    const size = found.reduce((n, f) => n * f.levels.length, 1);
    p.listed = cells.size < p.pool.length || size > (found.length > 1 ? 1.5 * p.pool.length : 12);
    p.factors = p.listed ? [] : found;
    // Across: the last factors, up to twelve columns.
    let columns = 1,
      open = true;
    for (const f of [...p.factors].reverse()) {
      open &&= columns * f.levels.length <= 12;
      if (open) columns *= f.levels.length;
      f.usual = open ? "across" : "down";
    }
    p.factors.forEach((f, i) => {
      const given = places[`p${i}`];
      f.place =
        ["across", "down"].includes(given) || (/^\d+$/.test(given) && given < f.levels.length)
          ? given
          : f.usual;
      const last = (g) => g.name.split(".").pop();
      f.short = p.factors.some((g) => g !== f && last(g) === last(f)) ? f.name : last(f);
    });
    if (!p.pool.includes(p.data.conditions[view.c])) view.c = p.pool[0].index;
  };
  p.kept = () =>
    p.pool.filter((c) =>
      p.factors.every((f) => f.levels[f.place] === undefined || f.of(c) === f.levels[f.place]),
    );
  // The measures that were taken here, and the one shown: the criterion's, unless it was not.
  p.measures = () => p.data.measures.filter((m) => p.pool.some((c) => p.has(m, c)));
  p.measure = () => p.measures().find((m) => m.id === view.m) ?? p.measures()[0] ?? p.criterion;
  p.judged = () => p.pool.some((c) => c.features.some((g) => g[1] !== undefined));
  p.counts = () => view.n === "steps" && p.judged();

  const HEAD = "#explore?";
  p.read = () => {
    const given = Object.fromEntries(
      new URLSearchParams(location.hash.startsWith(HEAD) ? location.hash.slice(HEAD.length) : ""),
    );
    const number = (key, least, most) => {
      const x = Number.parseFloat(given[key]);
      return x >= least && x <= most ? x : plain[key];
    };
    const among = (key, choices) => (choices.includes(given[key]) ? given[key] : plain[key]);
    const whole = (key, below) => Math.floor(number(key, 0, below - 0.5));
    Object.assign(view, {
      g: whole("g", Math.max(1, members.length)),
      c: whole("c", p.data.conditions.length),
      f: whole("f", p.data.features.length),
      m: among(
        "m",
        p.data.measures.map((m) => m.id),
      ),
      n: among("n", ["steps", "value"]),
      x: among("x", ["log", "linear"]),
      theta: p.data.thinned ? null : number("theta", 0.05, 0.99),
      t: number("t", 0, Infinity),
      seed: p.data.seeds.includes(+given.seed) && given.seed !== "" ? +given.seed : null,
    });
    p.arrange(given);
    return location.hash.startsWith(HEAD);
  };
  const write = () => {
    const address = new URLSearchParams();
    for (const key of Object.keys(plain)) if (view[key] !== plain[key]) address.set(key, view[key]);
    p.factors.forEach((f, i) => f.place !== f.usual && address.set(`p${i}`, f.place));
    history.replaceState(null, "", `${HEAD}${address}`);
  };
  p.set = (change) => {
    Object.assign(view, change);
    write();
    p.render();
  };
  // The evaluation of a condition that is read: the last one up to the step chosen.
  p.index = (c) => {
    if (view.t === null) return c.steps.length - 1;
    const after = c.steps.findIndex((s) => s > view.t);
    return after < 0 ? c.steps.length - 1 : Math.max(0, after - 1);
  };
  // Of all conditions shown.
  p.steps = () => [...new Set(p.pool.flatMap((c) => c.steps))].sort((a, b) => a - b);
  p.at = () => p.steps().findLast((s) => view.t === null || s <= view.t) ?? 0;
  p.theta = (c) => view.theta ?? c.theta;

  // ---- files of what is shown
  p.save = (name, type, text) => {
    const link = p.make("a", {
      href: URL.createObjectURL(new Blob([text], { type })),
      download: name.replace(/[^\w.-]+/g, "-"),
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  // No spreadsheet takes a name for a formula.
  const cell = (x) =>
    typeof x === "number"
      ? x === x
        ? String(x)
        : ""
      : x == null
        ? ""
        : `"${(/^[=+\-@\t\r]/.test(x) ? "'" : "") + String(x).replaceAll('"', '""')}"`;
  p.csv = (rows) => rows.map((row) => row.map(cell).join(",")).join("\n") + "\n";
  const LOOKS = [
    "fill",
    "stroke",
    "stroke-width",
    "stroke-dasharray",
    "opacity",
    "font-size",
    "font-weight",
    "text-anchor",
  ];
  // A drawing with its looks in itself, for a file.
  p.svg = (drawing) => {
    p.light();
    const copy = drawing.cloneNode(true),
      own = drawing.querySelectorAll("*");
    copy.querySelectorAll("*").forEach((element, i) => {
      const style = getComputedStyle(own[i]);
      for (const look of LOOKS) element.setAttribute(look, style.getPropertyValue(look));
      element.removeAttribute("class");
    });
    copy.setAttribute("xmlns", NS);
    copy.setAttribute("font-family", "sans-serif");
    copy.prepend(
      p.draw("rect", {
        width: "100%",
        height: "100%",
        fill: getComputedStyle(document.body).backgroundColor,
      }),
    );
    p.rest();
    return new XMLSerializer().serializeToString(copy);
  };
})(primacy);
