// The charts: thin wrappers around dygraphs (https://dygraphs.com/), made once and fed.
/* global Dygraph */

import { axisRange, axisTicks } from "./ticks.js";

// Each chart has its own line of values above it, and the legend of dygraphs styles in a way that our policy forbids.
Dygraph.PLUGINS = Dygraph.PLUGINS.filter((plugin) => plugin !== Dygraph.Plugins.Legend);

const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);

/** A colour of the style sheet as it is now, light or dark. */
export function colour(name) {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

const faded = (text, alpha) => text.replace(/^rgb\(([^)]+)\)$/, `rgba($1, ${alpha})`);

/** Height of the axis for each label, and width of a digit. */
const labelPixels = 24;
const digitPixels = 6.4;

/** A chart of the last minutes that does not zoom: it moves on by itself. */
export class Chart {
  #element;
  #graph;
  #colours;
  #onTheme;
  #step = null;
  #width = Chart.#labelWidth;

  /** Pixels left of every chart for the labels: as many as the longest of all needs, so that their times stand in line. */
  static #labelWidth = 62;

  /**
   * `labels` and `colours` of the series, `format` for their values, `readout` for those under the pointer, `onTheme` to
   * be told that the colours have changed; the rest goes to dygraphs.
   */
  constructor(element, { labels, colours, format, readout, onTheme, ...rest }) {
    this.#element = element;
    this.#colours = colours;
    this.#onTheme = onTheme;
    this.#graph = new Dygraph(element, [[new Date(), ...colours.map(() => null)]], {
      labels: ["time", ...labels], legend: "never", strokeWidth: 1.6, interactionModel: {}, highlightCircleSize: 3,
      axisLabelFontSize: 11, axisLineWidth: 0.5, gridLineWidth: 0.5, rightGap: 8, xAxisHeight: 18, connectSeparatedPoints: false,
      axes: {
        y: { axisLabelWidth: this.#width, ticker: (low, high, pixels) => this.#ticks(low, high, pixels) },
        x: { pixelsPerLabel: 72, drawGrid: false },
      },
      highlightCallback: (_, milliseconds, points) => {
        const values = points.map((point) => `${point.name} ${format(point.yval)}`).join("   ");
        if (readout) readout.textContent = `${new Date(milliseconds).toLocaleTimeString("en-GB")}   ${values}`;
      },
      unhighlightCallback: () => { if (readout) readout.textContent = ""; },
      ...this.#paint(), ...rest,
    });
    // Hidden or resized parts of the page tell dygraphs nothing.
    new ResizeObserver(() => this.#graph.resize()).observe(element);
  }

  #ticks(low, high, pixels) {
    const ticks = axisTicks(low, high, Math.floor(pixels / labelPixels), this.#step);
    const longest = Math.max(0, ...ticks.map((tick) => tick.label.length));
    Chart.#labelWidth = Math.max(Chart.#labelWidth, Math.ceil(longest * digitPixels) + 10);
    return ticks;
  }

  #paint() {
    this.#onTheme?.();
    return { colors: this.#colours.map(colour), gridLineColor: colour("edge"), axisLineColor: colour("edge") };
  }

  /** Takes the colours of the page anew. */
  repaint() { this.#graph.updateOptions(this.#paint()); }

  /**
   * Draws the rows of the `seconds` up to `now`, seconds since 1970. `range` is the least and greatest value where the axis
   * is to fit them closely, `step` what the values are multiples of, as of `decimalStep`.
   */
  draw(rows, now, seconds, range = null, step = null) {
    this.#step = step;
    const file = rows.length > 0 ? rows : [[new Date(now * 1000), ...this.#colours.map(() => null)]];
    const options = { file, dateWindow: [(now - seconds) * 1000, now * 1000] };
    if (range) options.valueRange = axisRange(...range, step);
    if (this.#width !== Chart.#labelWidth) {
      options.axes = { y: { axisLabelWidth: this.#width = Chart.#labelWidth } };
      // dygraphs clears its new area alone: what it drew left of that would stay.
      for (const canvas of this.#element.querySelectorAll("canvas")) canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    }
    this.#graph.updateOptions(options);
  }
}

/** Bars from zero, as wide as a second; for `plotter`. */
export function bars(event) {
  const { drawingContext: context, points, dygraph } = event;
  const width = Math.max(1, Math.abs(dygraph.toDomXCoord(1000) - dygraph.toDomXCoord(0)) * 0.75);
  const zero = dygraph.toDomYCoord(0);
  context.fillStyle = event.color;
  for (const point of points) {
    if (!Number.isFinite(point.canvasy)) continue;
    context.fillRect(point.canvasx, Math.min(zero, point.canvasy), width, Math.abs(point.canvasy - zero));
  }
}

/** Lines where signals were; for `underlayCallback`. `marks()` gives time and the name of a colour. */
export function marker(marks) {
  return (context, area, dygraph) => {
    context.save();
    context.lineWidth = 1.5;
    context.setLineDash([3, 3]);
    for (const mark of marks()) {
      const x = dygraph.toDomXCoord(mark.time * 1000);
      if (x < area.x || x > area.x + area.w) continue;
      context.strokeStyle = faded(mark.colour, 0.8);
      context.beginPath();
      context.moveTo(x, area.y);
      context.lineTo(x, area.y + area.h);
      context.stroke();
    }
    context.restore();
  };
}
