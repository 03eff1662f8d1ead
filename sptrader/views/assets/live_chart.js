// A chart of a running session: candles with fills, the equity below, its numbers above. Data comes as doubles in binary
// messages and is kept for each view; a view that is new, or has missed a message, asks for all of it ("hello").

const MOST = 5000;
const SPANS = [["60", 60], ["150", 150], ["500", 500], ["all", 0]];
const COLOURS = {
  light: { ink: "#1f2933", muted: "#52606d", grid: "#e4e7eb", up: "#ffffff", down: "#9aa5b1", candle: "#7b8794", buy: "#0072b2", sell: "#d55e00", line: "#0072b2", fill: "rgba(0,114,178,.12)" },
  dark: { ink: "#e4e7eb", muted: "#9aa5b1", grid: "#2a313a", up: "#14181d", down: "#616e7c", candle: "#7b8794", buy: "#56b4e9", sell: "#e69f00", line: "#56b4e9", fill: "rgba(86,180,233,.16)" },
};
const isDark = () => document.body.dataset.jpThemeLight === "false" || document.body.classList.contains("theme-dark");

// Doubles of a buffer that may lie anywhere in a larger one, in rows of `width`.
function rows(view, width) {
  const all = new Float64Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  const made = [];
  for (let i = 0; i + width <= all.length; i += width) made.push(all.subarray(i, i + width));
  return made;
}

function append(kept, fresh) {
  for (const row of fresh) {
    if (kept.length && kept[kept.length - 1][0] === row[0]) kept[kept.length - 1] = row;
    else kept.push(row);
  }
  return kept.length > MOST ? kept.slice(-MOST) : kept;
}

function steps(low, high, most) {
  const raw = (high - low) / Math.max(most, 1), power = 10 ** Math.floor(Math.log10(raw || 1));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= raw) || power;
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high; v += step) found.push(v);
  return { found, places: Math.min(8, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))) };
}

const pad = (n) => String(n).padStart(2, "0");
const day = (t) => `${t.getUTCFullYear()}-${pad(t.getUTCMonth() + 1)}-${pad(t.getUTCDate())}`;
const clock = (t) => `${pad(t.getUTCHours())}:${pad(t.getUTCMinutes())}`;

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "sp sp-live";
  root.innerHTML = `<div class="sp-live-head"><span class="sp-light off" role="status"><i></i><span></span></span>
    <span class="sp-grow"></span><span class="sp-spans" role="group" aria-label="how many bars"></span></div>
    <div class="sp-cards"></div><div class="sp-live-box"><canvas role="img" tabindex="0"></canvas><div class="sp-live-tip"></div></div>`;
  el.appendChild(root);
  const light = root.querySelector(".sp-light"), word = light.querySelector("span"), cards = root.querySelector(".sp-cards");
  const canvas = root.querySelector("canvas"), tip = root.querySelector(".sp-live-tip"), g = canvas.getContext("2d");
  canvas.setAttribute("aria-label", model.get("label"));
  let bars = [], marks = [], equity = [], seq = -1, told = null, heard = performance.now(), asked = 0;
  let span = 150, isDirty = false, at = null, lastCards = "";

  for (const [text, count] of SPANS) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.setAttribute("aria-pressed", String(count === span));
    made.addEventListener("click", () => {
      span = count;
      root.querySelectorAll(".sp-spans button").forEach((b) => b.setAttribute("aria-pressed", String(b === made)));
      later();
    });
    root.querySelector(".sp-spans").append(made);
  }

  const hello = () => {
    if (performance.now() - asked < 500) return;
    asked = performance.now();
    model.send({ k: "hello" });
  };
  const hear = (message, buffers) => {
    if (message.k !== "all" && message.k !== "new") return;
    if (message.k === "new" && message.seq !== seq + 1) { hello(); return; }
    const fresh = buffers.map((b, i) => rows(b, [5, 6, 2][i]));
    if (message.k === "all") [bars, marks, equity] = fresh;
    else { bars = append(bars, fresh[0]); marks = [...marks, ...fresh[1]].slice(-MOST); equity = append(equity, fresh[2]); }
    seq = message.seq;
    told = message.told;
    heard = performance.now();
    root.dataset.bars = bars.length;
    root.dataset.last = bars.length ? bars[bars.length - 1][0] : "";
    root.dataset.marks = marks.length;
    root.dataset.equity = equity.length ? equity[equity.length - 1][1] : "";
    root.dataset.messages = Number(root.dataset.messages || 0) + 1;
    later();
  };
  const say = () => {
    if (!told) { word.textContent = "waiting for the kernel"; return; }
    const silent = (performance.now() - heard) / 1000;
    const isSilent = silent > 3;
    light.className = `sp-light ${isSilent ? "late" : told.light}`;
    const age = told.age === null ? "" : `, ${told.light === "on" && !isSilent ? "spoke" : "last word"} ${Math.round(told.age + silent)} s ago`;
    word.textContent = isSilent ? `no word from the kernel for ${Math.round(silent)} s${age}` : told.text + age;
    root.dataset.light = isSilent ? "late" : told.light;
    const shown = told.cards.map(([k, v, tone]) => `<div class="sp-card"><div class="k"></div><div class="v ${tone}"></div></div>`).join("");
    const text = JSON.stringify(told.cards);
    if (text !== lastCards) {
      lastCards = text;
      if (cards.children.length !== told.cards.length) cards.innerHTML = shown;
      told.cards.forEach(([k, v, tone], i) => {
        const card = cards.children[i];
        card.children[0].textContent = k;
        card.children[1].textContent = v;
        card.children[1].className = `v ${tone}`;
      });
    }
  };
  const later = () => {
    if (isDirty) return;
    isDirty = true;
    requestAnimationFrame(() => { isDirty = false; say(); draw(); });
  };

  function grouped(width) {
    const wanted = span ? bars.slice(-span) : bars, each = Math.max(1, Math.ceil(wanted.length / Math.max(60, width / 4)));
    if (each === 1) return wanted;
    const made = [];
    for (let i = 0; i < wanted.length; i += each) {
      const part = wanted.slice(i, i + each);
      made.push([part[0][0], part[0][1], Math.max(...part.map((b) => b[2])), Math.min(...part.map((b) => b[3])), part[part.length - 1][4]]);
    }
    return made;
  }

  function draw() {
    const W = canvas.clientWidth, H = canvas.clientHeight, ratio = window.devicePixelRatio || 1;
    if (!W) return;
    if (canvas.width !== Math.round(W * ratio) || canvas.height !== Math.round(H * ratio)) {
      canvas.width = Math.round(W * ratio);
      canvas.height = Math.round(H * ratio);
    }
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, W, H);
    const c = COLOURS[isDark() ? "dark" : "light"];
    g.font = "11px Inter, 'Segoe UI', Arial, 'Liberation Sans', sans-serif";
    if (!bars.length) {
      g.fillStyle = c.muted;
      g.textAlign = "center";
      g.fillText("no bars yet", W / 2, H / 2);
      return;
    }
    const right = 66, foot = 20, gap = 18, low = 90, width = W - right, top = H - foot - low - gap;
    const shown = grouped(width), n = Math.max(shown.length, span ? Math.min(span, 40) : 1), w = width / n;
    const x = (i) => i * w + w / 2;
    const place = (time) => {
      let a = 0, b = shown.length - 1;
      while (a < b) { const m = (a + b + 1) >> 1; if (shown[m][0] <= time) a = m; else b = m - 1; }
      return a;
    };
    let least = Infinity, most = -Infinity;
    for (const b of shown) { least = Math.min(least, b[3]); most = Math.max(most, b[2]); }
    const room = (most - least || most * 1e-4) * 0.08;
    least -= room;
    most += room;
    const y = (v) => 8 + (most - v) / (most - least) * (top - 8);
    axis(least, most, y, 6, c, W, width);
    times(shown, x, c, H, width, top);
    g.lineWidth = 1;
    shown.forEach((b, i) => {
      const a = y(Math.max(b[1], b[4])), height = Math.max(1, Math.abs(y(b[1]) - y(b[4])));
      g.strokeStyle = c.candle;
      g.beginPath();
      g.moveTo(x(i), y(b[2]));
      g.lineTo(x(i), y(b[3]));
      g.stroke();
      g.fillStyle = b[4] >= b[1] ? c.up : c.down;
      const half = Math.max(0.5, w * 0.34);
      g.fillRect(x(i) - half, a, 2 * half, height);
      if (half > 1.2) g.strokeRect(x(i) - half, a, 2 * half, height);
    });
    const first = shown[0][0];
    for (const [time, price, side, isClosing] of marks) {
      if (time < first) continue;
      const size = 6, cx = x(place(time)), cy = y(price) + (side > 0 ? 9 : -9);
      g.fillStyle = g.strokeStyle = side > 0 ? c.buy : c.sell;
      g.beginPath();
      g.moveTo(cx - size, cy + side * size);
      g.lineTo(cx + size, cy + side * size);
      g.lineTo(cx, cy - side * size);
      g.closePath();
      g.lineWidth = 1.6;
      if (isClosing) g.stroke(); else g.fill();
    }
    const last = shown[shown.length - 1];
    tag(last[4], y(last[4]), c, width, last[4] >= last[1] ? c.ink : c.muted);
    account(first, place, x, c, W, width, H - foot - low, low);
    point(shown, x, w, y, c, H - foot);
  }

  function axis(least, most, y, count, c, W, width) {
    const { found, places } = steps(least, most, count);
    g.textAlign = "left";
    g.textBaseline = "middle";
    for (const v of found) {
      g.strokeStyle = c.grid;
      g.lineWidth = 1;
      g.beginPath();
      g.moveTo(0, y(v));
      g.lineTo(width, y(v));
      g.stroke();
      g.fillStyle = c.muted;
      g.fillText(v.toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places }), width + 6, y(v));
    }
  }

  function times(shown, x, c, H, width, top) {
    g.textAlign = "center";
    g.textBaseline = "alphabetic";
    let free = 0, before = "";
    shown.forEach((b, i) => {
      if (x(i) < free + 34 || x(i) > width - 34) return;
      const t = new Date(b[0] * 1000), text = day(t) === before ? clock(t) : day(t);
      before = day(t);
      g.fillStyle = c.muted;
      g.fillText(text, x(i), H - 5);
      free = x(i) + 60;
    });
  }

  function tag(value, height, c, width, colour) {
    g.setLineDash([3, 3]);
    g.strokeStyle = colour;
    g.beginPath();
    g.moveTo(0, height);
    g.lineTo(width, height);
    g.stroke();
    g.setLineDash([]);
    g.fillStyle = c.ink;
    g.fillRect(width + 1, height - 8, 65, 16);
    g.fillStyle = isDark() ? "#14181d" : "#ffffff";
    g.textAlign = "left";
    g.textBaseline = "middle";
    g.fillText(value.toPrecision(7).replace(/0+$/, "").replace(/\.$/, ""), width + 6, height);
  }

  function account(first, place, x, c, W, width, top, height) {
    const from = Math.max(0, equity.findIndex(([time]) => time >= first) - 1);  // the mark before the window is its start
    const isOlder = equity.length > 0 && equity[equity.length - 1][0] < first;
    const seen = isOlder ? equity.slice(-1) : equity.slice(from);
    g.textAlign = "left";
    g.textBaseline = "alphabetic";
    g.fillStyle = c.muted;
    g.fillText("equity", 2, top - 5);
    if (!seen.length) return;
    let least = Math.min(...seen.map((e) => e[1])), most = Math.max(...seen.map((e) => e[1]));
    const room = (most - least) * 0.1 || Math.max(Math.abs(most) * 1e-4, 1e-9);
    least -= room;
    most += room;
    const y = (v) => top + (most - v) / (most - least) * height;
    axis(least, most, y, 3, c, W, width);
    g.beginPath();
    seen.forEach(([time, v], i) => (i ? g.lineTo(x(place(time)), y(v)) : g.moveTo(x(place(time)), y(v))));
    if (seen.length === 1) g.lineTo(isOlder ? width : x(place(seen[0][0])) + 2, y(seen[0][1]));
    g.strokeStyle = c.line;
    g.lineWidth = 1.8;
    g.stroke();
    g.lineTo(isOlder ? width : x(place(seen[seen.length - 1][0])), top + height);
    g.lineTo(x(place(seen[0][0])), top + height);
    g.closePath();
    g.fillStyle = c.fill;
    g.fill();
  }

  function point(shown, x, w, y, c, bottom) {
    tip.style.display = at === null ? "none" : "";
    if (at === null) return;
    const i = Math.max(0, Math.min(shown.length - 1, Math.floor(at / w))), b = shown[i], t = new Date(b[0] * 1000);
    g.strokeStyle = c.muted;
    g.setLineDash([2, 3]);
    g.beginPath();
    g.moveTo(x(i), 0);
    g.lineTo(x(i), bottom);
    g.stroke();
    g.setLineDash([]);
    const money = equity.findLast(([time]) => time <= b[0]);
    tip.textContent = `${day(t)} ${clock(t)}  O ${b[1]}  H ${b[2]}  L ${b[3]}  C ${b[4]}` +
      (money ? `  equity ${money[1].toLocaleString("en", { maximumFractionDigits: 2 })}` : "");
  }

  canvas.addEventListener("mousemove", (event) => { at = event.offsetX; later(); });
  canvas.addEventListener("mouseleave", () => { at = null; later(); });
  canvas.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -8, ArrowRight: 8 }[event.key];
    if (!move) return;
    at = Math.max(0, Math.min(canvas.clientWidth - 70, (at ?? canvas.clientWidth - 90) + move));
    event.preventDefault();
    event.stopPropagation();
    later();
  });
  canvas.addEventListener("blur", () => { at = null; later(); });
  const sized = new ResizeObserver(later);
  sized.observe(canvas);
  const watcher = new MutationObserver(later);
  watcher.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
  const timer = setInterval(say, 1000);  // asks nothing: after a restart the old kernel's views have nobody to ask
  model.on("msg:custom", hear);
  hello();
  later();
  return () => {
    clearInterval(timer);
    sized.disconnect();
    watcher.disconnect();
    model.off("msg:custom", hear);
  };
}
export default { render };
