// What is pointed at or focused is lit everywhere: the same seed, feature or condition.
((p) => {
  if (!p.data) return;
  const KINDS = ["seed", "feature", "condition"];
  const PLACES = "[data-seed], [data-feature], [data-condition]";
  const root = document.documentElement;
  let now = "";
  p.light = (kind, value) => {
    const wanted = kind == null || value == null ? "" : `${kind} ${value}`;
    if (wanted === now) return;
    now = wanted;
    p.lit();
  };
  // Again after something was drawn.
  p.lit = () => {
    for (const element of document.querySelectorAll(".lit")) element.classList.remove("lit");
    if (!now) return root.removeAttribute("data-lit");
    const [kind, value] = now.split(" ");
    root.setAttribute("data-lit", kind);
    for (const element of document.querySelectorAll(`[data-${kind}="${value}"]`))
      element.classList.add("lit");
  };
  // Without a pointer: the seed that was chosen.
  p.rest = () => (p.view.seed === null ? p.light() : p.light("seed", p.view.seed));
  const follow = (event) => {
    const element = event.target.closest?.(PLACES);
    if (!element)
      return event.type === "pointerover" && !event.target.closest?.("svg.curves")
        ? p.rest()
        : undefined;
    const kind = KINDS.find((k) => k in element.dataset);
    p.light(kind, element.dataset[kind]);
  };
  document.addEventListener("pointerover", follow);
  document.addEventListener("focusin", follow);
  document.addEventListener("focusout", p.rest);
})(primacy);
