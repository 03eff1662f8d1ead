// A Plotly figure that follows the kernel's `figure`, the notebook's theme and its own width.
// The script travels once for each page, gzipped, in the state of the widget `script` names.

function plotly(model) {
  globalThis.__sptraderPlotly ??= (async () => {
    const host = await model.widget_manager.get_model(model.get("script"));
    const unpacked = new Blob([host.get("packed")]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Function((await new Response(unpacked).text()) + "\nreturn Plotly;")();
  })();
  return globalThis.__sptraderPlotly;
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

async function render({ model, el }) {
  const box = document.createElement("div");
  box.className = "sp-chart";
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", model.get("label"));
  box.style.minHeight = `${model.get("figure").layout?.height ?? 200}px`;
  el.appendChild(box);
  const Plotly = await plotly(model);
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
