"use strict";
(() => {
  const form = document.getElementById("filter");
  const get = (id) => document.getElementById(id);
  const articles = [...document.querySelectorAll(".scenario")].map((el) => ({
    el,
    head: el.querySelector("h3").textContent + " " + el.querySelector(".meta").textContent,
    cases: [...el.querySelectorAll(".case")].map((c) => ({
      el: c,
      kernel: c.dataset.kernel,
      labels: c.dataset.labels.split(" "),
      checks: [...c.querySelectorAll(".check")].map((k) => ({
        el: k,
        verdict: k.dataset.v,
        claims: (k.dataset.claims ?? "").split(" "),
      })),
    })),
  }));
  const text = (o, s) => (o.text ??= s().toLowerCase());

  function apply() {
    const verdicts = new Set([...form.querySelectorAll("[name=verdict]:checked")].map((i) => i.value));
    const words = get("f-text").value.toLowerCase().split(/\s+/).filter(Boolean);
    const [label, kernel, claim] = ["f-label", "f-kernel", "f-claim"].map((id) => get(id).value);
    let shown = 0;
    let all = 0;
    for (const a of articles) {
      let some = false;
      for (const c of a.cases) {
        const fits = (!label || c.labels.includes(label)) && (!kernel || c.kernel === kernel);
        const around = words.length ? text(c, () => a.head + " " + c.el.firstElementChild.textContent) : "";
        let any = false;
        for (const k of c.checks) {
          const ok = fits && verdicts.has(k.verdict) && (!claim || k.claims.includes(claim)) &&
            words.every((w) => around.includes(w) || text(k, () => k.el.textContent).includes(w));
          if (k.el.hidden === ok) k.el.hidden = !ok;
          any ||= ok;
          all++;
          if (ok) shown++;
        }
        if (c.el.hidden === any) c.el.hidden = !any;
        some ||= any;
      }
      if (a.el.hidden === some) a.el.hidden = !some;
    }
    get("f-count").textContent = shown === all ? `${all} checks` : `${shown} of ${all} checks`;
  }

  // A link may lead into something that is folded or filtered away.
  function reveal() {
    let el = null;
    try {
      el = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch {
      return;
    }
    if (!el) return;
    const target = el;
    if (el.closest("[hidden]")) {
      form.reset();
      apply();
    }
    for (; el; el = el.parentElement) if (el.localName === "details") el.open = true;
    target.scrollIntoView();
  }

  const fold = (open) => {
    for (const a of articles) for (const c of a.cases) if (!c.el.hidden) c.el.open = open;
  };
  form.addEventListener("input", apply);
  form.addEventListener("reset", () => queueMicrotask(apply));
  form.addEventListener("submit", (e) => e.preventDefault());
  get("f-open").addEventListener("click", () => fold(true));
  get("f-close").addEventListener("click", () => fold(false));
  window.addEventListener("hashchange", reveal);
  form.hidden = false;
  form.reset();
  apply();
  if (location.hash) reveal();
})();
