/**
 * The size of a soak test. `npm test`, and with it CI, runs each small; `npm run soak` runs each at full
 * size, which takes many minutes. Their files are named `*.soak.test.ts`.
 */
export function soakSize<T = number>(sizes: { readonly small: T; readonly full: T }): T {
  return process.env.SLUICE_SOAK === 'full' ? sizes.full : sizes.small;
}
