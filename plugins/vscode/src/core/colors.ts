import type { Member } from "../protocol";

/**
 * Okabe and Ito's palette for every kind of colour vision, its black and pale yellow replaced so that all eight stand out
 * on dark and on light grounds.
 */
export const palette = ["#e69f00", "#56b4e9", "#009e73", "#d55e00", "#cc79a7", "#0072b2", "#b8a000", "#8a8a8a"];

/** The colour of each member but oneself, by id: the one that the session gives, unless another one has it already. */
export function colorsOf(members: readonly Member[], me: string): Map<string, string> {
  const colors = new Map<string, string>();
  const taken = new Set<string>();
  members
    .filter((member) => member.id !== me)
    .forEach((member, i) => {
      const given = /^#[0-9a-f]{6}$/i.test(member.color) ? member.color.toLowerCase() : "";
      const free = palette.find((color) => !taken.has(color)) ?? palette[i % palette.length] ?? "#8a8a8a";
      const color = given !== "" && !taken.has(given) ? given : free;
      taken.add(color);
      colors.set(member.id, color);
    });
  return colors;
}

/** Dark or light letters, whichever can be read on a ground (luma of ITU-R BT.601). */
export function lettersOn(color: string): string {
  const rgb = Number.parseInt(color.slice(1), 16);
  return 0.299 * (rgb >> 16) + 0.587 * ((rgb >> 8) & 255) + 0.114 * (rgb & 255) > 140 ? "#000000" : "#ffffff";
}
