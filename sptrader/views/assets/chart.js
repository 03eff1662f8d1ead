// A Plotly figure that follows the kernel's `figure`, the notebook's theme and its own width.
// The script travels once for each page, gzipped, in the state of the widget `script` names.

const ASK_MS = 3000, GIVE_UP_MS = 90000;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function loaded(packed) {
  const script = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Function((await new Response(script).text()) + "\nreturn Plotly;")();
}

// Plotly, loaded once for the page: from the script's own widget or, where the browser does not know that one (it was made
// for another browser, or before a reload while the kernel is busy), from the chart's kernel, which one chart at a time asks.
// Null where nobody answers, as after a restart.
async function plotly(model, isOpen) {
  const hear = (content, buffers) => {
    if (content.kind === "script") globalThis.__sptraderPlotly ??= loaded(buffers[0]);
  };
  model.on("msg:custom", hear);
  const began = performance.now();
  while (isOpen() && !globalThis.__sptraderPlotly && performance.now() - began < GIVE_UP_MS) {
    try {
      const host = await model.widget_manager.get_model(model.get("script"));
      globalThis.__sptraderPlotly ??= loaded(host.get("packed"));
    } catch {
      if (performance.now() - (globalThis.__sptraderAsked ?? -ASK_MS) >= ASK_MS) {
        globalThis.__sptraderAsked = performance.now();
        try { model.send({ kind: "script" }); } catch { globalThis.__sptraderAsked = undefined; }
      }
      await pause(200);
    }
  }
  model.off("msg:custom", hear);
  return globalThis.__sptraderPlotly ?? null;
}

const isDark = () =>
  document.body.dataset.jpThemeLight === "false" || document.body.classList.contains("theme-dark");

// Figures come in the light theme; for the dark one each of its colours is exchanged for its counterpart.
function dressed(figure, colours) {
  let text = JSON.stringify(figure);
  if (isDark()) {
    const known = new RegExp(Object.keys(colours).map((c) => c.replace(/[()]/g, "\\$&")).join("|"), "g");
    text = text.replace(known, (colour) => colours[colour]);
  }
  const own = JSON.parse(text);
  own.layout.paper_bgcolor = own.layout.plot_bgcolor = "rgba(0,0,0,0)";
  own.layout.autosize = true;
  delete own.layout.width;
  return own;
}

function windowOf(event) {
  for (const [name, value] of Object.entries(event)) {
    if (/^xaxis\d*\.autorange$/.test(name)) return { from: null, to: null };
    if (/^xaxis\d*\.range$/.test(name)) return { from: String(value[0]), to: String(value[1]) };
    const start = /^(xaxis\d*)\.range\[0\]$/.exec(name);
    if (start) return { from: String(value), to: String(event[`${start[1]}.range[1]`]) };
  }
  return null;
}

function render({ model, el }) {
  const box = document.createElement("div");
  box.className = "sp-chart";
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", model.get("label"));
  box.style.minHeight = `${model.get("figure").layout?.height ?? 200}px`;
  el.appendChild(box);
  let isOpen = true, close = () => {};
  plotly(model, () => isOpen).then((Plotly) => {
    if (!isOpen) return;
    if (Plotly) close = drawn(Plotly, model, box);
    else box.textContent = "This chart's kernel does not answer; run the cell again.";
  });
  return () => { isOpen = false; close(); };
}

// Draw the figure in `box` whenever there is another one; returns what ends that.
function drawn(Plotly, model, box) {
  const config = { displaylogo: false, doubleClick: false, responsive: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "resetScale2d", "toImage"] };
  let busy = Promise.resolve(), isOpen = true, hasListeners = false, timer = 0, isMissed = false;

  const listen = () => {
    hasListeners = true;
    box.on("plotly_relayout", (event) => {
      const seen = windowOf(event);
      if (!seen || !model.get("is_windowed")) return;
      clearTimeout(timer);
      timer = setTimeout(() => {
        box.dataset.asked = String(performance.now());
        model.send({ kind: "window", ...seen });
      }, 60);
    });
    box.on("plotly_doubleclick", () => {
      if (model.get("is_windowed")) model.send({ kind: "window", from: null, to: null });
      else Plotly.relayout(box, Object.fromEntries(Object.keys(box._fullLayout)
        .filter((name) => /^[xy]axis\d*$/.test(name)).map((name) => [`${name}.autorange`, true])));
    });
    box.on("plotly_click", (event) => {
      const point = event.points?.[0];
      if (!point) return;
      const row = point.customdata ?? point.label ?? null;
      model.send({ kind: "click", trace: point.data?.name ?? "", x: point.x ?? null, y: point.y ?? null, at: row });
    });
  };
  const draw = () => {
    busy = busy.then(async () => {
      isMissed = box.clientWidth === 0;  // hidden by another tab: drawn when it is shown again
      if (!isOpen || isMissed || model.get("version") === 0) return;
      const figure = dressed(model.get("figure"), model.get("colours"));
      box.style.minHeight = `${figure.layout.height ?? 200}px`;
      figure.layout.width = box.clientWidth;
      await Plotly.react(box, figure.data, figure.layout, config);
      if (!hasListeners) listen();
      box.dataset.drawn = String(model.get("version"));
      if (box.dataset.asked) {
        box.dataset.redrawn = String(performance.now() - Number(box.dataset.asked));
        delete box.dataset.asked;
      }
    }).catch((error) => { box.textContent = `The chart could not be drawn: ${error}`; console.error(error); });
  };
  let width = 0;
  const sized = new ResizeObserver(() => {
    if (box.clientWidth === 0 || (box.clientWidth === width && !isMissed)) return;
    width = box.clientWidth;
    draw();
  });
  sized.observe(box);
  let dark = isDark();
  const follow = () => { if (dark !== isDark()) { dark = isDark(); draw(); } };
  const watcher = new MutationObserver(follow);
  watcher.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
  model.on("change:version", draw);
  return () => {
    isOpen = false;
    clearTimeout(timer);
    sized.disconnect();
    watcher.disconnect();
    model.off("change:version", draw);
    Plotly.purge(box);
  };
}

export default { render };
