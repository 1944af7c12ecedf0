"""Look-alikes: letters of other alphabets that a reader takes for one of A-Z or a-z.

    LOOK_ALIKES["A"]    А Α Ꭺ ...    as printed; a small letter is listed only where it is read as one

After the idea of Unicode Technical Standard 39, section 4: the alphabets whose letters have Latin shapes, and the small
capitals and variants among the Latin letters themselves. What NFKC makes a Latin letter (full width, bold, script) is
not here, nor is what a mark above or through a letter tells from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["LOOK_ALIKES"]

LOOK_ALIKES: Mapping[str, str] = MappingProxyType({
    "A": "АΑᎪꓮᗅ𖽀𐊠ᴀ",
    "B": "ВΒᏴꓐᗷꞴⲂ𐊂𐊡𐌁ʙ",
    "C": "СᏟꓚⲤ𐊢𐌂𐐕𐔜𑣲𑣩",
    "D": "Ꭰꓓᗞᗪᴅ",
    "E": "ЕΕᎬꓰⴹ𐊆𑢦𑢮ᴇ⋿",
    "F": "ϜꓝꞘᖴ𐊇𐊥𐔥𑣂𑢢ꜰ",
    "G": "ԌᏀᏳꓖɢ",
    "H": "НΗᎻꓧⲎᕼ𐋏ʜ",
    "I": "ІӀΙᏆꓲⲒⵏᛁ𐊊𐌉𖼨Ɪ",
    "J": "ЈͿᎫꓙᒍꞲᴊ",
    "K": "КΚᏦꓗⲔᛕ𐔘ᴋ",
    "L": "ԼᏞꓡⳐᒪ𐐛𐔦𖼖𑢣𑢲ʟ",
    "M": "МΜϺᎷꓟⲘᗰᛖ𐊰𐌑ᴍ",
    "N": "ΝꓠⲚ𐔓ɴ",
    "O": "ОΟՕꓳⲞⵔዐ𐓂𐊒𐊫𐐄𐔖𑣠𑢵〇",
    "P": "РΡᏢꓑⲢᑭ𐊕ᴘ",
    "Q": "Ԛⵕ",
    "R": "ᎡᏒꓣƦᖇ𐒴𖼵ʀ",
    "S": "ЅՏᏕᏚꓢ𐊖𐐠𖼺",
    "T": "ТΤᎢꓔⲦ𐊗𐊱𐌕𖼊𑢼",
    "U": "Սꓴᑌሀ𐓎𖽂𑢸",
    "V": "ѴᏙꓦⴸᐯꛟ𐔝𖼈𑢠",
    "W": "ԜᎳᏔꓪ𑣯𑣦",
    "X": "ХΧꓫⲬⵝꞳ᙭ᚷ𐊐𐊴𐌗𐌢𐔧𑣬",
    "Y": "УҮΥᎩᎽꓬⲨ𐊲𖽃𑢤",
    "Z": "ΖᏃꓜ𐋵𑣥𑢩",
    "a": "аαɑⲁꭺ⍺",
    "b": "вьЬβƄᏏⲃᑲᖯ",
    "c": "сⲥᴄꮯ𐐽",
    "d": "ԁᏧꓒᑯ",
    "e": "еҽεꬲ℮ꭼ",
    "f": "ϝքꞙꬵẝ",
    "g": "ɡցᶃƍԍꮐ",
    "h": "һнհᏂⲏꮋ",
    "i": "іιıɪɩꙇᎥꭵⲓ⍳𑣃",
    "j": "јϳյȷꭻ",
    "k": "кκⲕĸꮶ",
    "l": "ӏƖǀ|∣וןا𐌠",
    "m": "мⲙꮇ",
    "n": "ոռηⲛ",
    "o": "оοσօⲟჿᴏᴑꬽဝסهہە𐓪𐐬𑣈𑣗",
    "p": "рρⲣꮲ⍴",
    "q": "ԛգզ",
    "r": "гⲅᴦꭇꭈꮁ",
    "s": "ѕꜱƽꮪ𑣁𐑈",
    "t": "тτⲧᴛꭲ",
    "u": "υսʋᴜꞟꭎꭒ𐓶𑣘",
    "v": "νѵᴠꮩט𑣀",
    "w": "ωԝѡաɯᴡꮃ",
    "x": "хχⲭᕁᕽ×",
    "y": "уүγɣʏᶌỿꭚყⲩ𑣜",
    "z": "ᴢꮓ𑣄",
})
