// A sorted table of many rows of which only those in sight are elements: as many as the window is high, used again and again.

import { make } from "./format.js";

const rowPixels = 32;
/** Rows above and below the window that stand ready. */
const spare = 6;

export class Table {
  #viewport;
  #rows;
  #columns;
  #onSort;
  #buttons = new Map();
  #entries = [];
  /** Elements by place: row `i` is in place `i mod` their number, so that scrolling rewrites only what comes into sight. */
  #places = [];
  /** The row that the Tab key reaches; the arrow keys move it. */
  #active = 0;
  sort = { name: "", isDescending: false };

  /** `columns` have `name`, `title`, `key(entry)` to sort by and `show(cell, entry)`; the first one shows a link. */
  constructor({ head, viewport, rows, columns, onSort }) {
    [this.#viewport, this.#rows, this.#columns, this.#onSort] = [viewport, rows, columns, onSort];
    for (const column of columns) {
      const cell = make("div", column.isNumber ? "cell number" : "cell");
      cell.setAttribute("role", "columnheader");
      const button = make("button", "", column.title);
      button.type = "button";
      button.dataset.sort = column.name;
      button.addEventListener("click", () => {
        const isSame = this.sort.name === column.name;
        // Of numbers, the greatest is of interest first.
        this.sortBy(column.name, isSame ? !this.sort.isDescending : Boolean(column.isNumber || column.isWide));
        this.#order(true);
        this.#draw();
        this.#onSort();
      });
      cell.append(button);
      head.append(cell);
      this.#buttons.set(column.name, cell);
    }
    viewport.addEventListener("scroll", () => requestAnimationFrame(() => this.#draw(false)), { passive: true });
    rows.addEventListener("keydown", (event) => this.#onKey(event));
    rows.addEventListener("focusin", (event) => {
      const place = this.#places.findIndex((row) => row.contains(event.target));
      if (place >= 0) this.#active = Number(this.#places[place].dataset.index);
    });
    new ResizeObserver(() => this.#draw()).observe(viewport);
  }

  sortBy(name, isDescending) {
    this.sort = { name: this.#buttons.has(name) ? name : this.#columns[0].name, isDescending };
    for (const [column, cell] of this.#buttons) {
      cell.setAttribute("aria-sort", column !== this.sort.name ? "none" : isDescending ? "descending" : "ascending");
    }
  }

  /** Shows these entries. While a row has the pointer or the focus, rows stay where they are and only their values change. */
  show(entries) {
    this.#entries = this.#isHeld(entries) ? this.#renewed(entries) : entries;
    this.#order(this.#entries === entries);
    this.#draw();
  }

  /** Moves the focus to the first row. */
  focus() { this.#focus(0); }

  #isHeld(entries) {
    return entries.length === this.#entries.length && (this.#rows.matches(":hover") || this.#rows.contains(document.activeElement));
  }

  /** The new entries in the order of the old ones; as they come where there are others. */
  #renewed(entries) {
    const name = (entry) => `${entry.venue} ${entry.symbol}`;
    const found = new Map(entries.map((entry) => [name(entry), entry]));
    const renewed = this.#entries.map((entry) => found.get(name(entry)));
    return renewed.includes(undefined) ? entries : renewed;
  }

  /** What is not known comes last, whatever the order. */
  #order(isFree) {
    if (!isFree) return;
    const { key } = this.#columns.find((column) => column.name === this.sort.name);
    const sign = this.sort.isDescending ? -1 : 1;
    const keyed = this.#entries.map((entry) => [key(entry) ?? null, entry]);
    keyed.sort(([one], [other]) => {
      if (one === null || other === null) return (one === null) - (other === null);
      return one < other ? -sign : one > other ? sign : 0;
    });
    this.#entries = keyed.map(([, entry]) => entry);
  }

  /** `isNews`: whether rows that are in sight already have to be written anew. */
  #draw(isNews = true) {
    const count = this.#entries.length;
    const height = Math.ceil(this.#viewport.clientHeight / rowPixels) + 2 * spare;
    while (this.#places.length < Math.min(height, count)) this.#places.push(this.#makeRow());
    while (this.#places.length > Math.min(height, count)) this.#places.pop().remove();
    this.#rows.style.height = `${count * rowPixels}px`;
    this.#rows.parentElement.parentElement.setAttribute("aria-rowcount", String(count + 1));
    this.#active = Math.max(0, Math.min(this.#active, count - 1));
    const size = this.#places.length;
    const first = Math.max(0, Math.min(Math.floor(this.#viewport.scrollTop / rowPixels) - spare, count - size));
    // The Tab key reaches one row, which has to be in sight.
    const reached = this.#active >= first && this.#active < first + size ? this.#active : first + Math.min(spare, size - 1);
    for (let index = first; index < first + size; index += 1) {
      this.#fill(this.#places[index % size], index, index === reached, isNews);
    }
  }

  #makeRow() {
    const row = make("div", "market");
    row.setAttribute("role", "row");
    for (const column of this.#columns) {
      const cell = make("div", column.isNumber ? "cell number" : "cell");
      cell.setAttribute("role", "cell");
      row.append(cell);
    }
    this.#rows.append(row);
    return row;
  }

  #fill(row, index, isReached, isNews) {
    const isMoved = row.dataset.index !== String(index);
    if (isMoved) {
      row.dataset.index = index;
      row.setAttribute("aria-rowindex", String(index + 2));
      row.style.transform = `translateY(${index * rowPixels}px)`;
    }
    if (isMoved || isNews) this.#columns.forEach((column, place) => column.show(row.children[place], this.#entries[index]));
    row.querySelector("a").tabIndex = isReached ? 0 : -1;
  }

  #onKey(event) {
    const page = Math.max(1, Math.floor(this.#viewport.clientHeight / rowPixels) - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.#focus(this.#active + step);
  }

  #focus(index) {
    if (this.#entries.length === 0) return;
    this.#active = Math.max(0, Math.min(index, this.#entries.length - 1));
    const top = this.#active * rowPixels;
    const [low, high] = [this.#viewport.scrollTop, this.#viewport.scrollTop + this.#viewport.clientHeight - rowPixels];
    if (top < low) this.#viewport.scrollTop = top;
    if (top > high) this.#viewport.scrollTop = top - (high - low);
    this.#draw();
    this.#places[this.#active % this.#places.length].querySelector("a").focus({ preventScroll: true });
  }
}
