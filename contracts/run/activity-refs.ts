/** Parts of an activity's envelope that other contracts name as well. */
import { z } from 'zod';

/**
 * Where a secret stands in an action's input: the path to a `{$secret: name}` that the author wrote. The
 * activity resolves these and no others, because an input may also hold data of that shape (from a payload or
 * an event), whose sender must not be able to name a secret.
 */
export const SecretRef = z.object({ path: z.array(z.union([z.string(), z.number()])), name: z.string() });
export type SecretRef = z.infer<typeof SecretRef>;
