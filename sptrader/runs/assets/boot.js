// Inflates the Plotly script this page carries (or finds it beside the page) and the figures, and draws them.
(() => {
  const root = document.documentElement;

  async function inflated(text) {
    const bytes = Uint8Array.from(atob(text.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  async function load() {
    const packed = document.getElementById("sp-plotly");
    if (packed) {
      const script = document.createElement("script");
      script.textContent = await inflated(packed.textContent);
      document.head.append(script);
      packed.remove();
    }
    if (!window.Plotly) throw new Error("the chart script that belongs beside this page is missing");
  }

  async function draw() {
    for (const source of document.querySelectorAll("script[data-plot]")) {
      const figure = JSON.parse(await inflated(source.textContent));
      const target = document.getElementById(source.dataset.plot);
      target.replaceChildren();
      await Plotly.newPlot(target, figure.data, figure.layout, figure.config);
    }
  }

  // Paper has another width than the screen: the figures take it before printing and give it back afterwards.
  function widths(width) {
    for (const target of document.querySelectorAll(".sp-plot.js-plotly-plot")) {
      Plotly.relayout(target, width ? { width, autosize: false } : { width: null, autosize: true });
    }
  }

  async function boot() {
    try {
      await load();
      await draw();
      window.addEventListener("beforeprint", () => widths(1150));
      window.addEventListener("afterprint", () => widths(null));
      root.dataset.plots = "drawn";
    } catch (error) {
      root.dataset.plots = "failed";
      for (const note of document.querySelectorAll(".sp-wait")) note.textContent = `This chart could not be drawn: ${error.message}`;
      throw error;
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", boot);
  else boot();
})();
