// A table that sorts, filters and picks rows in the browser; arrow keys move, Enter picks.
function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "sp sp-grid";
  el.appendChild(root);
  let order = 0, down = false, wanted = "";

  const bar = document.createElement("div");
  bar.className = "sp-grid-bar";
  const find = document.createElement("input");
  find.type = "search";
  find.placeholder = "filter";
  find.setAttribute("aria-label", "filter the table");
  const note = document.createElement("span");
  note.className = "sp-note";
  bar.append(find, note);
  const scroll = document.createElement("div");
  scroll.className = "sp-scroll";
  root.append(bar, scroll);
  find.addEventListener("input", () => { wanted = find.value.toLowerCase(); draw(); });
  find.addEventListener("keydown", (event) => event.stopPropagation());

  const number = (text) => { const n = Number(String(text).replace(/[,%+]/g, "")); return text === "" || Number.isNaN(n) ? null : n; };
  const compare = (a, b) => {
    const x = number(a[order]), y = number(b[order]);
    if (x !== null && y !== null) return x - y;
    return String(a[order]).localeCompare(String(b[order]));
  };
  const pick = (row) => model.send({ kind: "pick", row });

  function draw() {
    const { columns, rows, kinds, total } = model.get("table");
    let shown = rows.map((cells, row) => ({ cells, row }));
    if (wanted) shown = shown.filter(({ cells }) => cells.some((c) => String(c).toLowerCase().includes(wanted)));
    if (down !== null && order !== null && model._sorted) shown.sort((a, b) => (down ? -1 : 1) * compare(a.cells, b.cells));
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    columns.forEach((name, i) => {
      const cell = document.createElement("th");
      cell.className = kinds[i];
      cell.tabIndex = 0;
      cell.textContent = name + (model._sorted && i === order ? (down ? " ▾" : " ▴") : "");
      const sort = () => { down = model._sorted && order === i ? !down : true; order = i; model._sorted = true; draw(); };
      cell.addEventListener("click", sort);
      cell.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
      head.appendChild(cell);
    });
    const body = table.createTBody();
    const picked = model.get("picked");
    for (const { cells, row } of shown) {
      const line = body.insertRow();
      if (model.get("can_pick")) {
        line.tabIndex = 0;
        line.dataset.row = row;
        line.classList.add("sp-pick");
        if (row === picked) line.classList.add("sp-picked");
        line.addEventListener("click", () => pick(row));
        line.addEventListener("keydown", (event) => {
          if (event.key === "Enter") pick(row);
          const next = event.key === "ArrowDown" ? line.nextSibling : event.key === "ArrowUp" ? line.previousSibling : null;
          if (next) { next.focus(); event.preventDefault(); event.stopPropagation(); }
        });
      }
      cells.forEach((text, i) => {
        const cell = line.insertCell();
        cell.className = kinds[i];
        if (kinds[i].includes("s")) cell.classList.add(String(text).startsWith("-") || String(text).startsWith("−") ? "down" : "up");
        cell.textContent = text;
      });
    }
    note.textContent = rows.length === 0 ? model.get("empty")
      : (total > rows.length ? `the last ${rows.length.toLocaleString("en")} of ${total.toLocaleString("en")} rows` : `${shown.length.toLocaleString("en")} ${shown.length === 1 ? "row" : "rows"}`);
    find.style.display = rows.length > 8 ? "" : "none";
    scroll.style.display = rows.length ? "" : "none";
    scroll.replaceChildren(table);
    root.dataset.rows = rows.length;
  }
  const mark = () => root.querySelectorAll("tr.sp-pick").forEach((line) =>
    line.classList.toggle("sp-picked", Number(line.dataset.row) === model.get("picked")));
  model.on("change:table", draw);
  model.on("change:picked", mark);
  draw();
  return () => { model.off("change:table", draw); model.off("change:picked", mark); };
}
export default { render };
