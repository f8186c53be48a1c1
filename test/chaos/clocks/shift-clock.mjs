// Preloaded by a worker process: its clock is CLOCK_SHIFT_MS off, as on a machine without time service.
const shift = Number(process.env.CLOCK_SHIFT_MS);
const Real = Date;

globalThis.Date = class extends Real {
  constructor(...parts) {
    super(...(parts.length === 0 ? [Real.now() + shift] : parts));
  }

  static now() {
    return Real.now() + shift;
  }
};
