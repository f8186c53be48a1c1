/** What a thread that checks is asked, and what it answers. */
import { z } from 'zod';
import { JsonValue } from '../../contracts/json.js';

/** A catalogue on its way to a thread. */
const SentCatalogue = z.object({
  /** Action ids, each with its versions. */
  actions: z.array(z.tuple([z.string(), z.array(z.number())])),
  /** Of the actions that the document names: `[id, version, input, output]`. */
  schemas: z.array(z.tuple([z.string(), z.number(), JsonValue, JsonValue])),
  /** `[id, version, document]` */
  definitions: z.array(z.tuple([z.string(), z.number(), JsonValue])).optional(),
  allDefinitions: z.boolean(),
});
export type SentCatalogue = z.infer<typeof SentCatalogue>;

export const CheckRequest = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('payload'), schema: z.string(), payload: z.string() }),
  z.object({
    kind: z.literal('definition'),
    text: z.string(),
    format: z.enum(['yaml', 'json']),
    stored: z.boolean(),
    catalogue: SentCatalogue.optional(),
  }),
]);
export type CheckRequest = z.infer<typeof CheckRequest>;

export const CheckAnswer = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), json: z.string() }),
  z.object({ ok: z.literal(false), code: z.string(), message: z.string(), details: JsonValue.optional() }),
]);
export type CheckAnswer = z.infer<typeof CheckAnswer>;
