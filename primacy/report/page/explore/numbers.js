// The numbers in this page, read by the rules of the analysis (docs/statistics.md).
const primacy = {};
((p) => {
  const source = document.getElementById("numbers");
  if (!source || !("DecompressionStream" in window)) return;
  const data = (p.data = JSON.parse(source.textContent));
  const seeds = data.seeds.length;
  let lines = 0;
  data.conditions.forEach((c, i) => {
    c.index = i;
    c.mask = [lines, (lines += c.features.length)];
    c.steps = data.grids[c.grid];
    c.ran = data.seeds.map((_, s) => s).filter((s) => c.ended[s] !== "-");
  });

  // `pack` of numbers.py, undone; a run that stopped because all was learned keeps its last value.
  const unpack = async (m) => {
    const bytes = Uint8Array.from(atob(m.data), (x) => x.charCodeAt(0));
    const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const planes = new Uint8Array(await new Response(inflated).arrayBuffer());
    const n = planes.length / 4,
      bits = new Uint32Array(n);
    for (let i = 0, last = 0; i < n; i++) {
      const step =
        planes[i] | (planes[n + i] << 8) | (planes[2 * n + i] << 16) | (planes[3 * n + i] << 24);
      bits[i] = last = (last + step) >>> 0;
    }
    m.values = new Float32Array(bits.buffer);
    m.starts = [];
    m.bands = new Map();
    let place = 0,
      start = 0;
    for (const c of data.conditions) {
      m.starts.push(
        (m.whole ? [0] : c.features).map(() => {
          if (m.mask[place++] !== "1") return null;
          start += seeds * c.steps.length;
          return start - seeds * c.steps.length;
        }),
      );
      for (let k = 0; k < m.starts[c.index].length; k++)
        for (const s of c.ran) {
          const line = p.line(m, c, k, s);
          if (line && c.ended[s] === "l") line.fill(line[c.last[s]], c.last[s] + 1);
        }
    }
    return m;
  };
  // Whether a measure has values in a condition.
  p.has = (m, c) => (m.whole ? m.mask[c.index] : m.mask.slice(...c.mask)).includes("1");
  p.load = (m) => (m.loaded ??= unpack(m));
  p.criterion = data.measures[0];

  // The curve of one seed: a value per evaluation. Null: not measured there.
  p.line = (m, c, k, s) => {
    const start = m.starts[c.index][k],
      e = c.steps.length;
    return start == null ? null : m.values.subarray(start + s * e, start + (s + 1) * e);
  };
  // The features of a condition that have a line of this measure; -1: the network as a whole.
  p.lines = (m, c) =>
    m.starts[c.index].flatMap((start, k) =>
      start == null ? [] : [{ k, f: m.whole ? -1 : c.features[k][0] }],
    );

  const quantile = (sorted, q) => {
    const at = (sorted.length - 1) * q,
      i = Math.floor(at);
    return sorted[i] + (at - i) * ((sorted[i + 1] ?? sorted[i]) - sorted[i]);
  };
  p.median = (values) =>
    quantile(
      values.filter((x) => x === x).sort((a, b) => a - b),
      0.5,
    );
  // Median and band over seeds: 10 to 90 %, or all with fewer than 10 seeds.
  p.bands = (m, c, k) => {
    const key = `${c.index} ${k}`;
    if (!m.bands.has(key)) {
      const own = c.ran.map((s) => p.line(m, c, k, s));
      m.bands.set(
        key,
        c.steps.map((_, i) => {
          const v = own
              .map((line) => line[i])
              .filter((x) => x === x)
              .sort((a, b) => a - b),
            few = v.length < 10;
          const mid = quantile(v, 0.5),
            low = quantile(v, few ? 0 : 0.1),
            high = quantile(v, few ? 1 : 0.9);
          // Two values that cancel leave the rounding of float32, not a number.
          const nothing = Math.abs(mid) <= 1e-6 * Math.max(Math.abs(low), Math.abs(high));
          return { mid: nothing ? 0 : mid, low, high };
        }),
      );
    }
    return m.bands.get(key);
  };

  // When each network learned: the evaluation before and the one that counts; null: not learned.
  // Undefined: the feature has no time-to-learn.
  p.times = (c, k, theta = c.theta) => {
    const [, chance, ceiling, floor, amount] = c.features[k];
    if (chance === undefined) return undefined;
    if (c.times)
      return c.times[k]
        ? c.times[k].map((t) => t && { low: t[0], time: t[1] })
        : data.seeds.map(() => null);
    const below = ceiling !== null && ceiling < chance;
    return data.seeds.map((_, s) => {
      const line = p.line(p.criterion, c, k, s);
      if (!line || c.ended[s] === "-") return null;
      const last = c.last[s],
        end = ceiling ?? line[last];
      // A user's own features have no known ceiling: the end of the run stands for it.
      if (ceiling === null && amount === null && !(end >= (floor ?? -Infinity))) return null;
      const mark = Math.fround(
        amount === null ? chance + theta * (end - chance) : (theta / c.theta) * amount,
      );
      for (let i = 0, held = 0; i <= last; i++) {
        held = (below ? line[i] <= mark : line[i] >= mark) ? held + 1 : 0;
        const first = i - c.confirm + 1;
        if (held === c.confirm)
          return { low: c.steps[Math.max(0, first - 1)], time: c.steps[first] };
      }
      return null;
    });
  };
  // Over seeds: a network that diverged, or never learned, is later than any step.
  p.counted = (c, k, theta) => {
    const all = p.times(c, k, theta);
    if (!all) return undefined;
    const done = c.ran
      .filter((s) => all[s] && c.ended[s] !== "d")
      .map((s) => all[s])
      .sort((a, b) => a.time - b.time);
    return {
      n: c.ran.length,
      done,
      median: done[Math.max(1, Math.ceil(c.ran.length / 2)) - 1] ?? null,
    };
  };
  // The value that counts as learned; undefined where it is relative to the end of the run.
  p.mark = (c, k, theta) => {
    const [, chance, ceiling, , amount] = c.features[k];
    if (amount != null) return (theta / c.theta) * amount;
    return ceiling == null ? undefined : chance + theta * (ceiling - chance);
  };

  // The criterion in words: features have an amount of their own, a ceiling, or neither.
  p.meant = (c) => {
    const [, , ceiling, , amount] = c.features.find((g) => g[1] !== undefined) ?? [];
    if (amount != null) return `${p.number((p.theta(c) / c.theta) * amount)} of ${c.scored}`;
    const of = ceiling == null ? "the run’s own last value" : "the way from chance to the ceiling";
    return `${p.percent(p.theta(c))} of ${of}`;
  };

  // Numbers as the rest of the page writes them.
  const plain = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  p.number = (x) => {
    if (x == null || x !== x) return "–";
    const size = Math.abs(x),
      sign = x < 0 ? "−" : "";
    if (size === Infinity) return `${sign}∞`;
    if (size >= 1e7 || (size > 0 && size < 1e-3)) {
      const [head, power] = size.toExponential(2).split("e");
      return `${sign}${plain(head)} × 10${[...String(+power)].map((d) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(d)]).join("")}`;
    }
    const digits = size ? Math.max(0, 2 - Math.floor(Math.log10(size))) : 0;
    return (
      sign +
      plain(
        size.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }),
      )
    );
  };
  p.step = (x) => x.toLocaleString("en");
  // `1 to 8` where the evaluations are that far apart.
  p.when = ({ low, time }) =>
    time - low <= Math.max(1, 0.1 * time)
      ? p.step(time)
      : low + 1 < time
        ? `${p.step(low + 1)} to ${p.step(time)}`
        : p.step(time);
  p.percent = (theta) => `${+(100 * theta).toFixed(1)} %`;
})(primacy);
