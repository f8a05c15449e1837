"""The letters that languages are written with, and the code pages that their old files are in.

Letters are put by how often they occur, which is what tells code pages of one alphabet apart. The lists of
Chinese, Japanese and Korean hold the commonest characters only, about half of what a text consists of.
"""

from dataclasses import dataclass

# ruff: noqa: RUF001 - ambiguous characters are in their own alphabets here

_CYRILLIC = ("cp1251", "koi8-r", "cp866", "iso8859-5")


@dataclass(frozen=True, slots=True)
class Language:
    """Letters outside ASCII, lower case, and code pages in the order of how likely they are.

    common: letters that make up most of a text. rare: the others of the alphabet.
    """

    name: str
    encodings: tuple[str, ...]
    common: frozenset[str]
    rare: frozenset[str]


def _language(name: str, encodings: tuple[str, ...], common: str, rare: str = "") -> Language:
    return Language(name, encodings, frozenset(common), frozenset(rare))


ALPHABETS: tuple[Language, ...] = (
    _language("French", ("cp1252",), "éèàêç", "ëâùûüôîïœæÿ"),
    _language("German", ("cp1252",), "üöäß"),
    _language("Spanish", ("cp1252",), "óáíéñú¿¡", "ü"),
    _language("Portuguese", ("cp1252",), "ãçáéíóê", "õâôúàü"),
    _language("Italian", ("cp1252",), "àèéùòì"),
    _language("Nordic", ("cp1252",), "åäöøæ", "éðþýáíóú"),
    _language("Dutch", ("cp1252",), "éëï", "èöüóáç"),
    _language("Polish", ("cp1250", "iso8859-2"), "ąęłóżć", "ńśź"),
    _language("Czech", ("cp1250", "iso8859-2"), "áíěéřýčžš", "úůňťďóľĺŕäô"),
    _language("Hungarian", ("cp1250", "iso8859-2"), "áéóőöíü", "úű"),
    _language("Romanian", ("cp1250", "iso8859-16", "iso8859-2"), "ăîâşţșț"),
    _language("Croatian", ("cp1250", "iso8859-2"), "čšžćđ"),
    _language("Turkish", ("cp1254",), "ıüşğçö", "âîû"),
    _language("Baltic", ("cp1257",), "āīēšėųūąž", "ļķņģčįę"),
    _language("Russian", _CYRILLIC, "оеаинтсрвл", "кмдпуяыьгзбчйхжшюцщэфъё"),
    _language("Ukrainian", ("cp1251", "koi8-u"), "оаинтіервслк", "удмпзяьбгчхйжшїєюцщфґ"),
    _language("Serbian", ("cp1251", "iso8859-5"), "аоиенртсјв", "уклдмпзгбчшжхцљњћђфџ"),
    _language("Greek", ("cp1253", "iso8859-7"), "αοιετσνηυρς", "πκμλωδγχθφβξζψάέήίόύώϊϋ"),
    _language("Hebrew", ("cp1255",), "יוהלאתמרבשנ", "םדחעקטכפגצסזןךףץ"),
    _language("Arabic", ("cp1256",), "اليمونرتبع", "ةدسفهحقكشطجخصذزءأإىضغثظؤئآ،"),
    _language("Thai", ("cp874",), "นารกอเงมวลยดสตท่้ี", "ัิปหบคแจใไชพโขซผฐถธศษฟภณญๆ็ื์ุูำะ์"),
)

_SIMPLIFIED = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里"
    "用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心本前开但因只从想实日"
    "军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美"
    "相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解"
    "水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计"
    "管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设"
    "式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运,。、；：（）“”《》"
)
_TRADITIONAL = (
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡"
    "用道行所然家種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心本前開但因只從想實日"
    "軍者意無力它與長把機十民第公此已工使情明性知全三又關點正業外將兩高間由問很最重並物手應戰向頭文體政美"
    "相見被利什二等產或新己制身果加西月話合回特代內信表化老給世位次度門任常先海通教兒原東聲提立及比員解水名"
    "真論處走義各入幾口認條平系氣題活更別打女變四神總何電數安少報才結反受目太量再感建務做接必場件計管期市直"
    "資命山金指許統區保至隊形社便空決治展馬科司五基眼書非則聽白卻界達光放強即像難且權思王象完設式色路記南"
    "品住告類求據程北邊死張該交規萬取望覺術領共確傳師觀清今切院讓識候帶導爭運，。、；：（）「」"
)
_KANA = (
    "のにはをたがでとしれさあるいもするからななことりまくうきっえらてどそおよちめけみせわべ"
    "ンスルトラリクイアーシロタレジッドコマフニカサテムパプィメキュオデ、。「」・"
)
_KANJI = (
    "日一国人年大十二本中長出三時行見月後前生五間上東四今金九入学高円子外八六下来気小七山話女北午百書先名川千"
    "水半男西電校語土木聞食車何南万毎白天母火右読友左休父雨事業員有給暇取得会社同自発者地方新場立開手力問代"
    "明動京目通言理体田主題意不作用度強公持野以思家世多正安院心界教文元重近考画海売知道集別物使品計死特私始"
)
_HANGUL = (
    "이다는의에을가를은하고지도로사기한인서자있그나대어리해일시것들부정수아라보과전만스제상생원장관용경여년유"
    "신국공주연무동성세적물할화학비면간계위구조분습니까치우합게행민음마모소실당방오등안선와없된되법문내통개직"
    "외진회교차명발터여요규미입단체려던러았었했휴급받않월평처금결설중요반운점영산건강"
)

IDEOGRAPHS: tuple[Language, ...] = (
    _language("Chinese", ("gb18030", "utf-16-le", "utf-16-be"), _SIMPLIFIED),
    _language("Traditional Chinese", ("big5", "utf-16-le", "utf-16-be"), _TRADITIONAL),
    _language("Japanese", ("cp932", "euc_jp", "utf-16-le", "utf-16-be"), _KANA, _KANJI),
    _language("Korean", ("cp949", "utf-16-le", "utf-16-be"), _HANGUL),
)
"""`rare` is empty where any other character of the script that the code page puts first will do."""
