"""Names of people who do not exist, in many scripts, for the sample customers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Locale:
    """How people are named and reached in one language.

    Each name stands with a spelling for e-mail addresses. `joiner` goes between the names, the family
    name first where `family_first`. `phone` is a range set aside for fiction, its last digits open.
    """

    language: str
    given: tuple[tuple[str, str], ...]
    family: tuple[tuple[str, str], ...]
    currency: str
    phone: str = "+1202555{:04d}"
    phone_range: tuple[int, int] = (100, 199)
    family_first: bool = False
    joiner: str = " "


_UK_PHONE = "+442079460{:03d}"
_GERMAN_PHONE = "+493023125{:03d}"
_FRENCH_PHONE = "+33639980{:03d}"
_THOUSAND = (0, 999)


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Read `name=spelling` entries set apart by commas; a plain ASCII name spells itself."""
    entries = (entry.strip().partition("=") for entry in text.split(","))
    return tuple((name, spelling or name.lower()) for name, _, spelling in entries)


LOCALES = (
    Locale(
        "en-GB",
        _pairs("Olivia, Arthur, Siân=sian, Niamh, Zoë=zoe, Ewan"),
        _pairs("Bennett, O'Connor=oconnor, Clarke, Llewellyn, St John=stjohn, Okafor"),
        "GBP",
        _UK_PHONE,
        _THOUSAND,
    ),
    Locale(
        "en-US",
        _pairs("Emma, Liam, María=maria, Noah, Ava, Kai"),
        _pairs("Carter, Nguyen, García=garcia, Smith-Jones=smith.jones, Whitfield, Kealoha"),
        "USD",
    ),
    Locale(
        "de-DE",
        _pairs("Jürgen=juergen, Käthe=kaethe, Anna-Lena=anna.lena, Björn=bjoern, Sophie, Lukas"),
        _pairs("Müller=mueller, Groß=gross, von der Höh=vonderhoeh, Schäfer=schaefer, Weiß=weiss, Yıldız=yildiz"),
        "EUR",
        _GERMAN_PHONE,
        _THOUSAND,
    ),
    Locale(
        "fr-FR",
        _pairs("Chloé=chloe, François=francois, Jean-Noël=jean.noel, Maëlle=maelle, Loïc=loic, Inès=ines"),
        _pairs("Lefèvre=lefevre, d'Aubigné=daubigne, Bœuf=boeuf, Garçon=garcon, Moreau, N'Diaye=ndiaye"),
        "EUR",
        _FRENCH_PHONE,
        _THOUSAND,
    ),
    Locale(
        "es-ES",
        _pairs("José=jose, Íñigo=inigo, Begoña=begona, Lucía=lucia, Núria=nuria, Álvaro=alvaro"),
        _pairs("Muñoz López=munoz.lopez, Ibáñez=ibanez, Peña=pena, Agüero=aguero, Gil, Núñez=nunez"),
        "EUR",
    ),
    Locale(
        "pt-BR",
        _pairs("João=joao, Conceição=conceicao, Antônio=antonio, Luísa=luisa, Caio, Inês=ines"),
        _pairs("Gonçalves=goncalves, Araújo=araujo, Simões=simoes, da Silva=dasilva, Leitão=leitao, Brandão=brandao"),
        "BRL",
    ),
    Locale(
        "pl-PL",
        _pairs("Łukasz=lukasz, Żaneta=zaneta, Agnieszka, Wacław=waclaw, Zdzisława=zdzislawa, Jan"),
        _pairs("Wójcik=wojcik, Śliwiński=sliwinski, Brzęczyszczykiewicz=brzeczyszczykiewicz, Gołąb=golab, Nowak"),
        "PLN",
    ),
    Locale(
        "cs-CZ",
        _pairs("Jiří=jiri, Růžena=ruzena, Šárka=sarka, Ondřej=ondrej, Zdeněk=zdenek"),
        _pairs("Dvořák=dvorak, Nováková=novakova, Říha=riha, Šťastný=stastny, Čížek=cizek"),
        "CZK",
    ),
    Locale(
        "sv-SE",
        _pairs("Åsa=asa, Göran=goran, Elsa, Sören=soren, Björk=bjork"),
        _pairs("Åkesson=akesson, Öberg=oberg, Sjöström=sjostrom, Lindqvist, af Ekström=afekstrom"),
        "SEK",
        "+46701740{:03d}",
        (605, 699),
    ),
    Locale(
        "tr-TR",
        _pairs("Işıl=isil, İbrahim=ibrahim, Gökçe=gokce, Çağrı=cagri, Şule=sule"),
        _pairs("Yılmaz=yilmaz, Öztürk=ozturk, Çelik=celik, Güneş=gunes, Aydın=aydin"),
        "TRY",
    ),
    Locale(
        "hu-HU",
        _pairs("Erzsébet=erzsebet, Győző=gyozo, Tünde=tunde, Ágnes=agnes, Bence"),
        _pairs("Szűcs=szucs, Kőműves=komuves, Nagy, Erdős=erdos, Tóth=toth"),
        "HUF",
        family_first=True,
    ),
    Locale(
        "vi-VN",
        _pairs("Thị Hương=thi.huong, Văn Đức=van.duc, Quỳnh=quynh, Thảo=thao, Ngọc Ánh=ngoc.anh"),
        _pairs("Nguyễn=nguyen, Trần=tran, Đặng=dang, Phạm=pham, Vũ=vu"),
        "VND",
        family_first=True,
    ),
    Locale(
        "ru-RU",
        _pairs("Алёна=alyona, Пётр=pyotr, Екатерина=ekaterina, Юрий=yuriy, Софья=sofya"),
        _pairs("Соловьёв=solovyov, Щербакова=shcherbakova, Иванов=ivanov, Ёлкина=yolkina, Кузнецов=kuznetsov"),
        "RUB",
    ),
    Locale(
        "uk-UA",
        _pairs("Олексій=oleksiy, Зоряна=zoryana, Ганна=hanna, Євген=yevhen, Соломія=solomiya"),
        _pairs("Шевченко=shevchenko, Ґудзь=gudz, Коваль=koval, Лук'яненко=lukyanenko, Бондар=bondar"),
        "UAH",
    ),
    Locale(
        "bg-BG",
        _pairs("Цветелина=tsvetelina, Георги=georgi, Румяна=rumyana, Мария=mariya"),
        _pairs("Димитров=dimitrov, Желязкова=zhelyazkova, Стоянов=stoyanov, Щерев=shterev"),
        "EUR",  # since 2026
    ),
    Locale(
        "el-GR",
        _pairs("Γιώργος=giorgos, Αθηνά=athina, Κωνσταντίνος=konstantinos, Ζωή=zoi, Φαίδρα=faidra"),
        _pairs("Παπαδόπουλος=papadopoulos, Γεωργίου=georgiou, Οικονόμου=oikonomou, Βλάχος=vlachos"),
        "EUR",
    ),
    Locale(
        "ar-EG",
        _pairs("محمد=mohamed, فاطمة=fatma, عبد الرحمن=abdelrahman, ليلى=laila, يوسف=youssef"),
        _pairs("الشريف=elsherif, حسن=hassan, عبد العزيز=abdelaziz, النجار=elnaggar, منصور=mansour"),
        "EGP",
    ),
    Locale(
        "he-IL",
        _pairs("נועה=noa, יוסף=yosef, אביגיל=avigail, איתן=eitan, שירה=shira"),
        _pairs("כהן=cohen, לוי=levi, בן־דוד=bendavid, מזרחי=mizrahi, פרידמן=friedman"),
        "ILS",
    ),
    Locale(
        "zh-CN",
        _pairs("伟=wei, 秀英=xiuying, 静=jing, 子轩=zixuan, 雨桐=yutong"),
        _pairs("王=wang, 李=li, 张=zhang, 欧阳=ouyang, 刘=liu"),
        "CNY",
        family_first=True,
        joiner="",
    ),
    Locale(
        "zh-TW",
        _pairs("志明=zhiming, 淑芬=shufen, 家豪=jiahao, 怡君=yijun"),
        _pairs("陳=chen, 黃=huang, 蔡=tsai, 歐陽=ouyang"),
        "TWD",
        family_first=True,
        joiner="",
    ),
    Locale(
        "ja-JP",
        _pairs("太郎=taro, 花子=hanako, さくら=sakura, ヒカル=hikaru, 翔太=shota"),
        _pairs("佐藤=sato, 髙橋=takahashi, 渡邊=watanabe, 鈴木=suzuki, 𠮷田=yoshida"),
        "JPY",
        family_first=True,
    ),
    Locale(
        "ko-KR",
        _pairs("민준=minjun, 서연=seoyeon, 지우=jiwoo, 하은=haeun"),
        _pairs("김=kim, 이=lee, 박=park, 남궁=namgung"),
        "KRW",
        family_first=True,
        joiner="",
    ),
    Locale(
        "hi-IN",
        _pairs("प्रिया=priya, अर्जुन=arjun, लक्ष्मी=lakshmi, विक्रम=vikram"),
        _pairs("शर्मा=sharma, त्रिपाठी=tripathi, सिंह=singh, चौधरी=chaudhary"),
        "INR",
    ),
    Locale(
        "th-TH",
        _pairs("สมชาย=somchai, กัญญารัตน์=kanyarat, ณัฐพล=nattapon, พิมพ์ชนก=pimchanok"),
        _pairs("ศรีสุข=srisuk, วงศ์สวัสดิ์=wongsawat, ใจดี=jaidee, ทองคำ=thongkham"),
        "THB",
    ),
)
