/** Parts of an activity's envelope that other contracts share. */
import { z } from 'zod';

/**
 * The place of a secret in an action's input: the path to a `{$secret: name}` that the author wrote. The
 * activity resolves only these, because an input may also hold data of that shape (from a payload or an
 * event), whose sender must not be able to name a secret.
 */
export const SecretRef = z.object({ path: z.array(z.union([z.string(), z.number()])), name: z.string() });
export type SecretRef = z.infer<typeof SecretRef>;
