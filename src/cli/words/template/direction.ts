/**
 * Characters that turn the direction of what follows around, as parts of a class of a regular expression: a name with one in it
 * is shown as another name. No control characters, and all the same nothing that a stranger is to put on a terminal.
 * @see https://www.unicode.org/reports/tr9/ and CVE-2021-42574
 */
export const turning = String.raw`\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069`;
