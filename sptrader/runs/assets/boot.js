// Inflates the scripts this page carries (or finds them beside the page) and the figures, draws them, pages long tables.
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
    if (!window.Plotly && document.querySelector("script[data-plot]")) throw new Error("the chart script that belongs beside this page is missing");
  }

  async function draw() {
    for (const source of document.querySelectorAll("script[data-plot]")) {
      const figure = JSON.parse(await inflated(source.textContent));
      const target = document.getElementById(source.dataset.plot);
      target.replaceChildren();
      await Plotly.newPlot(target, figure.data, figure.layout, figure.config);
    }
  }

  // The rows stand in the page as plain HTML: without this they are a long table that scrolls.
  let tables = [];
  const packed = (id, name) => document.getElementById(id)?.textContent ?? window.spTables[name];
  async function page() {
    const found = document.querySelectorAll("table.sp-long");
    if (!found.length) return;
    const style = document.createElement("style");
    style.textContent = await inflated(packed("sp-tables-style", "style"));
    document.head.prepend(style);
    const url = URL.createObjectURL(new Blob([await inflated(packed("sp-tables", "code"))], { type: "text/javascript" }));
    const { jQuery } = await import(url);
    URL.revokeObjectURL(url);
    tables = [...found].map((table) => {
      table.parentElement.classList.add("sp-paged");
      return jQuery(table).DataTable({ pageLength: 25, lengthMenu: [10, 25, 100, -1], order: [], autoWidth: false });
    });
  }

  function rows(count) {
    for (const table of tables) table.page.len(count).draw(false);
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
      await page();
      window.addEventListener("beforeprint", () => (widths(1150), rows(-1)));
      window.addEventListener("afterprint", () => (widths(null), rows(25)));
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
