/** Columns that a comment may have: the width of the code (.prettierrc.json). */
export const COMMENT_WIDTH = 110;

/** Turns of phrase that are not plain English, and what to write instead. */
export const BANNED = [
  {
    pattern:
      /(?<!\bthere )\b(?:is|are|was|were|be) no (?!longer\b|more than\b|less than\b|one\b|such\b)[a-z]/i,
    instead: '"is not a …", "there is no …"',
  },
  { pattern: /\b(?:is|are) none\b/i, instead: 'say what is missing, or what is not valid' },
  {
    pattern: /\bstand(?:s|ing)? (?:in|there|for|beside|at|on|under|above|below)\b/i,
    instead: 'is in, is at, means',
  },
  { pattern: /\bstood (?:in|there|for|beside|at|on)\b/i, instead: 'was in, was at' },
  { pattern: /\bof (?:its|their|his|one's) own\b/i, instead: 'its own …, a separate …' },
  { pattern: /\bmend(?:s|ed|ing)?\b/i, instead: 'fix, repair' },
  { pattern: /\bnobody\b/i, instead: 'no one; better: name who' },
  { pattern: /\bwhatever\b/i, instead: 'any; better: name it' },
  { pattern: /\bfor ever\b/i, instead: 'forever; better: without a limit' },
  { pattern: /\b(?:is|are|was|were) there(?:[.,;:)]|$)/i, instead: 'exists, is present' },
  { pattern: /\bc[oa]mes? of\b/i, instead: 'the outcome of, results from' },
  { pattern: /\btak(?:e|es|en|ing) (?:it |them |a definition )?back\b/i, instead: 'unpublish, undo' },
  { pattern: /\bmay have at most\b/i, instead: 'is limited to' },
  { pattern: /\bto be had\b/i, instead: 'available' },
  { pattern: /\blikewise\b/i, instead: 'also; better: repeat the subject' },
];

/** First words of a test's title that leave it without a subject. */
export const TITLE_STARTS =
  /^(?:is|are|was|were|be|has|have|had|does|do|did|can|may|must|will|and|or|but|in|of|on|at|by|to|from|with|without|after|before|while|when|where|that|which|also|not|only|even)\b(?![^,]*, )/;

/** Texts that must stay byte for byte, and why. */
export const PERSISTED = [
  { text: 'Nobody answered after', reason: 'a part of a published example, whose version has a hash' },
  { text: 'may have at most ${characters} characters', reason: 'the reason of a dead letter' },
  { text: 'is no JSON: ${messageOf(error)}', reason: 'the reason of a dead letter' },
  { text: 'Its action had begun, and nobody knows what it did', reason: 'the reason of a dead letter' },
  { text: 'mended:', reason: 'a field of RUN_RECONCILED' },
  { text: 'mended: z.number', reason: 'a field of RUN_RECONCILED' },
  {
    text: 'is no activity of this worker',
    reason: 'the message of a failure that histories and runs record',
  },
  { text: '`mended`', reason: 'a field of RUN_RECONCILED, as pages name it' },
  { text: 'is no function that an expression may call', reason: 'expression errors are recorded in runs' },
  { text: 'which is no JSON value', reason: 'expression errors are recorded in runs' },
  { text: 'that is no JSON value', reason: 'expression errors are recorded in runs' },
  { text: 'is no ISO 8601 duration, such as', reason: 'expression errors are recorded in runs' },
  { text: 'is no instant with a full date', reason: 'expression errors are recorded in runs' },
  { text: 'is no IANA time zone', reason: 'expression errors are recorded in runs' },
  { text: 'a number that is no instant', reason: 'expression errors are recorded in runs' },
  { text: 'mend: fix', reason: 'the key of `sluice doctor --json`' },
  { text: "'mended'", reason: 'a field of RUN_RECONCILED' },
  { text: 'closing.mended', reason: 'a field of RUN_RECONCILED' },
  { text: "is no edge of the ${machine}'s state machine", reason: 'a message that failures of runs record' },
  { text: 'so that nobody has to look through all of them', reason: 'migrations are hashed as they are' },
  { text: 'The lists that runs stand in, newest first', reason: 'migrations are hashed as they are' },
  { text: 'what a key says stands in no column', reason: 'migrations are hashed as they are' },
  { text: '(0001 says why they are no DEFINE INDEX)', reason: 'migrations are hashed as they are' },
  { text: '(0001 says why these are no DEFINE INDEX)', reason: 'migrations are hashed as they are' },
  {
    text: 'until when nobody else may (epoch ms); none: nobody does',
    reason: 'migrations are hashed as they are',
  },
  { text: "is no workflow of Sluice's", reason: 'workflow code fails runs with this message' },
  { text: 'which is no boolean', reason: 'workflow code fails steps with this message' },
  { text: 'The memo is no valid start', reason: 'workflow code fails runs with this message' },
];
