/** Names for containers that were given none: `adjective_surname`, of people to whom science and engineering owe something. Pure. */

/** Kind words only: whatever surname comes after, it is a compliment. */
const adjectives = `able admiring adoring agile alert amazing amiable ample artful awesome beaming blissful bold \
brave bright brilliant busy calm candid careful caring charming cheerful clever compassionate competent confident \
constant cool cordial courteous crisp curious daring dazzling dreamy eager earnest ecstatic elated elegant eloquent \
exciting fearless festive fluent focused friendly gallant generous gentle gifted gracious graceful great happy hardy \
hearty helpful honest hopeful humble infallible inspiring intrepid inventive jolly jovial keen kind laughing lively \
loving lucid lucky magical merry mindful modest musing mystifying neat nifty nimble noble objective optimistic \
patient peaceful playful polished polite practical precise proud quick quiet radiant relaxed reliable resilient sage \
serene sharp sincere spirited splendid steady stoic sunny sweet tender thoughtful thrifty tidy trusting upbeat \
upright vibrant vigilant vigorous warm wise witty wonderful xenial youthful zealous zen zesty`;

const surnames = `abel adleman agnesi allen almeida altman ampere apgar archimedes ardinghelli aryabhata atanasoff \
avogadro babbage backus banach banneker banting bardeen bartik bassi becquerel bell benz bernoulli berners bessel \
bhabha bhaskara blackburn blackwell bohr boltzmann boole booth borg bose bouman boyd boyle brahe brahmagupta \
brattain brown brunel buck burnell cannon cantor carnot carson cartwright carver cauchy cavendish cerf cerruzi \
chandrasekhar chaplygin chatelet chatterjee chebyshev clarke cohen colden conway cori cray curie curran daguerre \
dalton darwin davinci davy descartes dewdney dhawan dijkstra diesel diffie dirac dubinsky easley edison ehrlich \
einstein elbakyan elgamal elion ellis engelbart erdos euclid euler faggin faraday fahrenheit feistel fermat fermi \
feynman fibonacci fleming fourier franklin fresnel gagarin galileo galois galvani ganguly gauss germain gibbs \
goldberg goldstine goldwasser golick goodall gould greider gutenberg haibt hamilton haslett hawking heisenberg \
hellman hermann herschel hertz heyrovsky hilbert hodgkin hofstadter hooke hoover hopper hubble hugle huygens hypatia \
ishizaka jackson jang jemison jennings jepsen johnson joliot jones joule kalam kapitsa kare kay kelvin kepler \
khayyam khorana kilby kirch kirchhoff knuth koch kovalevskaya kowalevski lagrange lalande lamarr lamport landau \
laplace lavoisier leakey leavitt leibniz lehmann levy lewin lichterman linnaeus liskov lovelace lumiere mahavira \
margulis matsumoto maxwell mayer mccarthy mcclintock mclaren mclean mcnulty meitner mendel mendeleev meninsky merkle \
mestorf michelson mirzakhani moivre montalcini moore morse moser murdock napier nash neumann newton nightingale \
nobel noether northcutt noyce oersted ohm panini pare pascal pasteur payne perlman pike planck poincare poitras \
proskuriakova ptolemy raman ramanujan rhodes ride riemann ritchie robinson roentgen rubin saha salk sammet sanderson \
schrodinger shamir shannon shaw shirley shtern sinoussi snyder solomon spence stirling stonebraker sutherland \
swanson swartz swirles taussig tereshkova tesla tharp thompson torricelli torvalds tu turing varahamihira vaughan \
vaucanson vernier vieta villani visvesvaraya volhard volta watt weierstrass wescoff wilbur wiles williams williamson \
wilson wing wirth wozniak wright wu yalow yang yonath zeppelin zhukovsky zuse`;

/**
 * A name: `gentle_lovelace`. Whether it is free, and the next try, are the caller's business.
 * @param random a whole number from 0 to n-1
 */
export function randomName(random: (n: number) => number): string {
  const pick = (words: string) => {
    const list = words.split(" ");
    return list[random(list.length)];
  };
  return `${pick(adjectives)}_${pick(surnames)}`;
}
