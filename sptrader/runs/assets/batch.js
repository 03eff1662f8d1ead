// A click on a heading sorts the table by that column: numbers as numbers, what is missing last.
(() => {
  const table = document.getElementById('batch');
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const value = (row, k) => row.cells[k].dataset.value ?? row.cells[k].textContent;
  const sort = (k) => {
    const down = heads[k].getAttribute('aria-sort') === 'ascending';
    heads.forEach((head) => head.removeAttribute('aria-sort'));
    heads[k].setAttribute('aria-sort', down ? 'descending' : 'ascending');
    const sign = down ? -1 : 1;
    const order = (a, b) => {
      const [x, y] = [value(a, k), value(b, k)];
      if (x === '' || y === '') return (x === '') - (y === '');
      const [p, q] = [Number(x), Number(y)];
      return sign * (Number.isNaN(p) || Number.isNaN(q) ? x.localeCompare(y) : p - q);
    };
    body.append(...[...body.rows].sort(order));
  };
  heads.forEach((head, k) => {
    head.style.cursor = 'pointer';
    head.addEventListener('click', () => sort(k));
    head.addEventListener('keydown', (event) => event.key === 'Enter' && sort(k));
  });
})();
