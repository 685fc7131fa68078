// Where the labels of an axis stand and what they say: chosen from the axis's range, so that no two of them are the same.

import { fixed } from "./format.js";

/** What large numbers are counted in, where their labels then need no more than two digits behind the point. */
const units = [[9, "B"], [6, "M"]];
const digitLimit = 20;

/** The smallest 1, 2 or 5 times a power of ten that is not below `least`: its factor and its power. */
function nice(least) {
  const power = Math.floor(Math.log10(least));
  for (const factor of [1, 2, 5]) if (factor * 10 ** power >= least * (1 - 1e-9)) return [factor, power];
  return [1, power + 1];
}

/**
 * A distance between labels of at least `least` as `mantissa · 10^power`. An instrument's `step` is such a pair too: a
 * distance above it is a multiple of it, since no price lies between; one below it splits it, as the microprice does.
 */
function distance(least, step) {
  const size = step ? step[0] * 10 ** step[1] : Infinity;
  if (!(least > size)) return nice(least);
  const [factor, power] = nice(least / size);
  let [mantissa, exponent] = [factor * 10 ** power * step[0], step[1]];
  while (mantissa % 10 === 0) [mantissa, exponent] = [mantissa / 10, exponent + 1];
  return [mantissa, exponent];
}

/** An exact decimal, "0.01", as mantissa and power of ten; null where it is no step. */
export function decimalStep(text) {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(text ?? "");
  const mantissa = match ? Number(match[1] + (match[2] ?? "")) : 0;
  return mantissa > 0 && Number.isSafeInteger(mantissa) ? [mantissa, -(match[2] ?? "").length] : null;
}

/** At most `most` + 1 values with their labels, ascending, within `low` to `high`. `step` as of `decimalStep`. */
export function axisTicks(low, high, most, step = null) {
  const largest = Math.max(Math.abs(low), Math.abs(high));
  // Numbers closer together than this are one number.
  if (!(high - low > largest * 1e-12)) return Number.isFinite(low) ? [{ v: low, label: fixed(low, 2) }] : [];
  const [mantissa, power] = distance((high - low) / Math.max(1, most), step);
  const [unit, name] = units.filter(([unit]) => largest >= 10 ** unit).slice(0, 1).find(([unit]) => unit - power <= 2) ?? [0, ""];
  const digits = Math.min(digitLimit, Math.max(0, unit - power));
  // A quotient of whole numbers is the double nearest to the decimal, which a product with 0.01 is not.
  const value = (index) => (power < 0 ? (index * mantissa) / 10 ** -power : index * mantissa * 10 ** power);
  const size = value(1);
  const ticks = [];
  for (let index = Math.ceil(low / size - 1e-9); index <= high / size + 1e-9; index += 1) {
    // The sum makes 0 of -0.
    ticks.push({ v: value(index), label: fixed(value(index) / 10 ** unit + 0, digits) + name });
  }
  return ticks;
}

/** The range of an axis that shows values from `low` to `high`: with some space, and never less than the step. */
export function axisRange(low, high, step = null) {
  const least = step ? step[0] * 10 ** step[1] : Math.abs(low) * 1e-6;
  const space = Math.max(0, (least || 1) - (high - low)) / 2 + (high - low) * 0.08;
  return [low - space, high + space];
}
