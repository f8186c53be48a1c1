/** Columns that a comment may have: the width of the code (.prettierrc.json). */
export const COMMENT_WIDTH = 110;

/** Turns of phrase that are not plain English, and what to write instead. */
export const BANNED = [
  {
    pattern: /\b(?:is|are|was|were|be) no (?!longer\b|more than\b|less than\b|one\b|such\b)[a-z]/i,
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
export const PERSISTED = [];
