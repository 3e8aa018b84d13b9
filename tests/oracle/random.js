// SPDX-License-Identifier: MIT
// Values, texts and mutations from a seed.

export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  // From 0 up to, not including, limit (at most 2^32).
  below(limit) {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  }

  chance(percent) {
    return this.below(100) < percent;
  }

  of(list) {
    return list[this.below(list.length)];
  }

  bytes(limit) {
    return Buffer.from(Array.from({ length: this.below(limit) }, () => this.below(256)));
  }

  string() {
    const parts = ["a", "msg", " ", "é", "€", "😀", '"', "\\", "\n", "\u0000", "\u001e", "\u007f",
      "\u2028", "/", ",", "0", "-", "{", "]", "_placeholder", "0123456789abcdefghijklmnopqrstuvwxyz"];

    return Array.from({ length: this.below(5) }, () => this.of(parts)).join("");
  }

  number() {
    switch (this.below(6)) {
      case 0:
        return this.below(200) - 100;
      case 1:
        return (this.below(0x100000000) - 0x80000000) * 2 ** this.below(22);
      case 2:
        return (this.below(2000) - 1000) / this.of([2, 3, 7, 10, 100, 1000]);
      case 3:
        return this.of([0, 1e21, 1e-7, 5e-324, Number.MAX_VALUE, 2 ** 53, 2 ** 53 - 1, 0.1 + 0.2]);
      case 4:
        return this.below(1000) * 10 ** (this.below(600) - 300);
      default:
        return this.of([127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, -32, -33, -128, -129,
          -32768, -32769, -(2 ** 31), -(2 ** 31) - 1]);
    }
  }

  // leaf: what else there may be, called now and then.
  value(depth, leaf) {
    if (leaf && this.chance(15)) return leaf(this);
    switch (this.below(depth > 0 ? 8 : 5)) {
      case 0:
        return null;
      case 1:
        return this.chance(50);
      case 2:
        return this.number();
      case 3:
      case 4:
        return this.string();
      case 5:
      case 6:
        return Array.from({ length: this.below(this.chance(5) ? 40 : 4) }, () =>
          this.value(depth - 1, leaf));
      default:
        return Object.fromEntries(
          Array.from({ length: this.below(this.chance(5) ? 40 : 4) }, (_, i) => [
            this.string() + i,
            this.value(depth - 1, leaf),
          ]),
        );
    }
  }

  // The JSON of a value with blanks and escapes that JSON.stringify() would not write.
  json(value) {
    const text = JSON.stringify(value);

    if (this.chance(50)) return text;
    return text.replace(/[[\]{},:]|[a-z](?=[^"]*"[,\]}])/g, (c) => {
      if (/[a-z]/.test(c)) return c;
      return this.chance(20) ? this.of([" ", "\n", "\t ", "\r\n"]) + c : c;
    });
  }

  // A text with a few characters changed, left out, doubled or put in.
  mutateText(text) {
    const spice = [..."0123456789-+.eE/,?[]{}\":\\u_ntfb \t\n\u0000\u001eé😀", "true", "null", "\\u0041", "\\ud800",
      '{"_placeholder":true,"num":0}', '"num":1', '"_placeholder":true', "51-", "2[", '"connect"', "[[[["];
    const chars = [...text];

    for (let n = 1 + this.below(3); n > 0; n--) {
      const at = this.below(chars.length + 1);

      chars.splice(at, this.below(3), ...(this.chance(70) ? [this.of(spice)] : []));
    }
    return chars.join("");
  }

  mutateBytes(bytes) {
    const copy = [...bytes];

    for (let n = 1 + this.below(3); n > 0; n--) {
      const at = this.below(copy.length + 1);

      if (this.chance(60)) copy[at] = this.below(256);
      else copy.splice(at, this.below(3), ...(this.chance(50) ? [this.below(256)] : []));
    }
    return Buffer.from(copy);
  }
}
