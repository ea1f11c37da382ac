# ruff: noqa: RUF001 - letters of many scripts are the point
"""Words that invented titles, people and characters are made of.

None is taken from IMDb. The lists are ordinary vocabulary and given names of many languages,
so that text beyond ASCII is as common as in the real files.
"""

from __future__ import annotations


def each(form: str, words: list[str]) -> list[str]:
    """Put every word into the form's {}."""
    return [form.format(word) for word in words]


ADJECTIVES = """
Silent Broken Golden Crimson Hidden Last Lost Burning Distant Secret Frozen Wild Quiet Bitter
Electric Hollow Endless Forgotten Gentle Restless Scarlet Velvet Wandering Midnight Paper Iron
Glass Salt Northern Southern Western Eastern Little Great Second Final First Third Perfect Strange
Beautiful Dangerous Innocent Reckless Stolen Sacred Blue Black White Green Red Silver Copper Amber
Winter Summer Autumn Spring Morning Evening Sleeping Drowning Dancing Falling Flying Rising Sunken
Unseen Unwritten Unlikely Ordinary Invisible Impossible Infinite Borrowed Faithful Fearless Savage
Tender Merciful Crooked Hungry Thirsty Lonely Haunted Painted Promised Shattered Whispering
""".split()  # noqa: SIM905 - a page of quotation marks would hide the words

NOUNS = """
River House Garden Mirror Shadow Road Letter Summer Winter Harbour Island Mountain Window Bridge
Orchard Lantern Compass Clock Crown Stone Fire Storm Rain Snow Star Moon Sun Ocean Desert Forest
Meadow Valley Canyon Tower Castle Palace Station Hotel Theatre Circus Carnival Market Village City
Kingdom Empire Republic Frontier Border Horizon Promise Secret Silence Echo Whisper Song Dance
Waltz Ballad Lullaby Sonata Machine Engine Train Ship Balloon Bicycle Piano Violin Guitar Drum
Detective Doctor Teacher Soldier Sailor Baker Gardener Painter Poet Thief Stranger Neighbour
Daughter Son Mother Father Sister Brother Widow Orphan King Queen Prince Captain Fox Wolf Raven
Sparrow Tiger Horse Elephant Whale Butterfly Spider Serpent Lion Owl Swan Dream Memory Night Dawn
Dusk Noon Hour Minute Century Season Harvest Feast Wedding Funeral Journey Return Escape Rescue
Heist Trial Verdict Witness Suspect Alibi Evidence Inheritance Fortune Debt Bargain Wager Game
Puzzle Riddle Labyrinth Key Door Wall Roof Cellar Attic Staircase Corridor Room Table Chair
""".split()  # noqa: SIM905

ABSTRACTS = """
Love War Peace Hope Fear Justice Mercy Faith Fate Chance Time Space Light Darkness Honour Glory
Pride Envy Wrath Grace Patience Courage Freedom Exile Desire Regret Revenge Solitude Winter Spring
Tomorrow Yesterday Midnight Nowhere Paradise Thunder Gold Dust Ashes Smoke Water Bone Blood Silk
""".split()  # noqa: SIM905

PLACES = """
Lisbon Porto Valencia Marseille Lyon Naples Trieste Vienna Prague Warsaw Gdansk Riga Tallinn Bergen
Oslo Uppsala Aarhus Hamburg Bremen Antwerp Galway Cardiff Glasgow Boston Chicago Memphis Denver
Tucson Havana Lima Cusco Montevideo Recife Dakar Lagos Nairobi Cairo Tunis Beirut Ankara Tbilisi
Baku Samarkand Lahore Mumbai Madras Colombo Hanoi Manila Seoul Busan Osaka Kyoto Sapporo Harbin
Shanghai Perth Hobart Auckland Reykjavik Tromso Halifax Quebec Oaxaca Veracruz Trondheim Split
""".split()  # noqa: SIM905

MALE = {
    "en": "James Oliver Henry Walter Arthur Samuel Peter Graham Colin Marcus Victor Leonard Howard "
    "Desmond Raymond Stuart Clifford Malcolm Theodore Nathan Eliot Jasper Rufus Wesley Dean Clark",
    "es": "José Jesús Andrés Álvaro Joaquín Martín Sebastián Rubén "
    "Íñigo Ramón Emilio Gonzalo Pablo",
    "pt": "João António Luís Simão Tomé Rui Nuno Vasco Caetano Otávio Raí Fábio Márcio Baltazar",
    "fr": "François René Étienne Gaël Rémi Anaël Loïc Benoît Jérôme Thibault Lucien Marcel Émile",
    "de": "Jürgen Günther Björn Götz Rüdiger Hans Uwe Dieter Florian "
    "Matthias Käthe Jörg Sören Anton",
    "it": "Niccolò Piero Fabrizio Ettore Renzo Silvio Tullio Dario "
    "Ruggero Ivano Cosimo Nicolò Elio",
    "pl": "Łukasz Paweł Michał Józef Stanisław Wojciech Bogusław Mirosław Zbigniew Rafał Kazimierz",
    "cs": "Jiří Tomáš Ondřej Zdeněk Luděk Matěj Bořivoj Radovan "
    "Vojtěch Štěpán Miloš Jaromír Přemysl",
    "sv": "Göran Åke Håkan Björn Örjan Anders Lennart Gösta Torbjörn "
    "Märten Sixten Folke Nils Ragnar",
    "tr": "Çağlar Şükrü Ömer İlker Gökhan Tuğrul Özgür Bülent Cüneyt Erdoğan Süleyman Haluk Yavuz",
    "in": "Arjun Ravi Vikram Suresh Anil Deepak Mohan Karan Ramesh "
    "Ashok Gopal Naveen Prakash Sanjay",
    "ja": "Haruto Kenji Takeshi Hiroshi Shōta Yūki Ryō Daichi Makoto "
    "Akira Kōhei Noboru Tetsuo Goro",
    "ru": "Aleksei Dmitri Yevgeni Pyotr Fyodor Sergei Vasili Grigori Nikolai Anatoli Leonid Oleg",
    "ko": "Min-jun Ji-ho Seo-jun Do-yun Si-woo Joon-young Hyun-woo Tae-hyung Sang-min Dong-hyun",
}

FEMALE = {
    "en": "Alice Beatrice Clara Dorothy Edith Florence Grace Harriet Irene Josephine Louisa Mabel "
    "Nora Olive Pearl Rosalind Sylvia Winifred Hazel Ivy Phoebe Audrey Constance Maude June Opal",
    "es": "Inés Belén Rocío Begoña Mónica Verónica Ángela Lucía Sofía "
    "Concepción Pilar Noelia Marisa",
    "pt": "Conceição Inês Júlia Lígia Mafalda Antónia Graça Assunção "
    "Letícia Iracema Débora Vitória",
    "fr": "Hélène Éloïse Zoé Anaïs Chloé Céline Françoise Geneviève Mélanie Aurélie Noëlle Solène",
    "de": "Käthe Bärbel Annegret Grete Jördis Hannelore Liesel Monika Ulrike Gudrun Wiebke Steffi",
    "it": "Mariù Giulia Ornella Loredana Fiammetta Letizia Nicoletta "
    "Graziella Serena Ilaria Donata",
    "pl": "Małgorzata Agnieszka Żaneta Bożena Elżbieta Grażyna Jadwiga Świetlana Władysława Kinga",
    "cs": "Božena Věra Růžena Šárka Zdeňka Jiřina Květa Ludmila Anežka Kateřina Markéta Běla Hana",
    "sv": "Åsa Märta Görel Ingrid Solveig Birgitta Ylva Ragnhild Annika Sigrid Kerstin Maj Linnéa",
    "tr": "Çiğdem Gülşen Özlem Şebnem Tülay İpek Nurgül Ayşe Gönül Müjde Zeynep Elif Yıldız Sevgi",
    "in": "Anjali Kavita Meera Priya Sunita Lakshmi Radha Nandini "
    "Shobha Geeta Asha Rekha Usha Tara",
    "ja": "Yūko Haruka Sakura Michiko Ayumi Keiko Naoko Shōko Rika Emi Hiromi Chiyo Fumiko Kaoru",
    "ru": "Lyudmila Nadezhda Svetlana Tatyana Galina Raisa Vera Oksana Zoya Ksenia Alyona Inna",
    "ko": "Seo-yeon Ji-woo Ha-eun Soo-jin Eun-ji Min-seo Ye-jin Hye-won Yoon-ah Na-young Bo-ra",
}

FAMILY = {
    "en": "Ashdown Barrowby Calloway Dunmore Ellerby Fairweather Garrick Hawthorne Ingleby Jessop "
    "Kettering Longford Merriweather Northcott Oakes Pemberton Quill Redfern Stanhope Thornbury "
    "Underhill Vickers Whitlock Yardley Aldous Brackley Crane Dallow Penhale Rookwood O'Dell "
    "Sallow Tremaine Wickham Lockhart Marlowe Fenwick Harrow Bellweather St.-Clair Van-Horn",
    "es": "Peñalver Ibáñez Quiñones Zúñiga Núñez Ordóñez Cárdenas Valdés Echeverría Muñiz Galíndez",
    "pt": "Gonçalves Magalhães Conceição Falcão Simões Araújo Leitão Brandão Guimarães Valadão Sá",
    "fr": "Lefèvre Bélanger Châtelain Dubœuf Gauthier Montségur "
    "Péricard Rouvière Vauquelin d'Aubigné",
    "de": "Müllenbach Schönfeld Größler Weißhaupt Kühnert Löwenthal Strauß Überall Jäckel Vögler",
    "it": "Bellocchio Castelnuovo D'Aragona Ferrigno Montefalco "
    "Papalardo Scaramella Travaglini Nardò",
    "pl": "Wiśniowiecki Żółkiewski Górski Dąbrowicz Łęcki Śliwiński Brzęczyk Cieślar Jabłonowicz",
    "cs": "Dvořáček Černohorský Růžička Šťastný Křížek Veselský Příhoda Zábranský Hřebíček Žižka",
    "sv": "Öberg Sjögren Åkerlund Björkman Hällström Lindqvist Söderholm Väster Nyström Grönlund",
    "tr": "Çelikkol Özdemir Şahinoğlu Güneş Yıldırım Kılıç Büyükada Türkoğlu Ağaoğlu İnanç Sönmez",
    "in": "Deshmukh Iyer Kulkarni Mukherjee Nambiar Patwardhan "
    "Raghavan Srinivasan Trivedi Varma Rao",
    "ja": "Aoyama Fujikawa Hoshino Kuramoto Minamida Ōsawa Sakaguchi "
    "Tachibana Uehara Yūki Kitagawa",
    "ru": "Belozyorov Grushin Kalashin Lebedinsky Morozkin Orlovsky Shchukin Tikhonenko Zhuravlyov",
    "ko": "Kim Lee Park Choi Jung Kang Cho Yoon Jang Lim Han Oh Seo Shin Kwon Hwang Ahn Song Baek",
}

ROLES = """
Policeman Nurse Waiter Doctor Lawyer Neighbour Bartender Reporter Driver Soldier Teacher Student
Shopkeeper Guard Judge Priest Detective Mechanic Singer Dancer Clown Butler Maid Cook Pilot
Sailor Farmer Grandmother Grandfather Mayor Stranger Thief Narrator Ghost Robot King Queen
""".split()  # noqa: SIM905

SELF_ROLES = ["Self", "Self - Host", "Self - Presenter", "Self - Guest", "Self - Panelist"]
SELF_ROLES += ["Self - Contestant", "Self - Interviewee", "Self - Correspondent", "Self - Judge"]

SPANISH = "Casa Noche Luna Sombra Montaña Canción Niña Señora Corazón Jardín Otoño Camión Sueño"
FRENCH = "Forêt Rivière Château Étoile Fenêtre Cœur Été Mère Père Garçon Hôtel Île Âme Nuit Fée"
GERMAN = "Straße Königin Mädchen Brücke Schloss Größe Schlüssel Wölfe Nächte Märchen Gärtner Tür"
PORTUGUESE = "Coração Canção Irmão Verão Manhã Ilusão Paixão Estação Sertão Avó Mãe Praça Feijão"
ITALIAN = "Città Felicità Libertà Notte Strada Stella Sorella Perché Giù Caffè Virtù Verità Bambino"
POLISH = "Żona Łódź Świat Miłość Księżyc Źródło Ćma Góra Ogród Wąż Słońce Jesień Dzień Dziewczyna"
TURKISH = (
    "Gökyüzü Rüzgâr Çocuk Şehir Düş Kış Yağmur Ateş İstasyon Güneş Öğretmen Yıldız Gölge Köprü"
)
RUSSIAN = "Река Дорога Зима Ночь Море Письмо Сад Город Мечта Тень Поезд Звезда Дом Сердце Окно Мост"
GREEK = "Θάλασσα Νύχτα Δρόμος Πόλη Καρδιά Όνειρο Φως Σκιά Βροχή Άνοιξη Χειμώνας Κήπος Παράθυρο"
ARABIC = "البحر الليل الطريق المدينة القمر الحلم الشتاء القلب النافذة الجسر الرسالة المطر"
HEBREW = "הים הלילה הדרך העיר הירח החלום החורף הלב החלון הגשר המכתב הגשם"
HINDI = "नदी रात सपना दिल चाँद शहर बारिश खिड़की पुल सूरज कहानी रास्ता"
JAPANESE = "夜 海 夢 東京 雪 花 月 風の道 星 手紙 記憶 春 影 少女 港町 約束 秋 時計"
CHINESE = "长夜 江湖 春天 明月 故乡 风雪 城市 花园 迷宫 少年 大海 火车 归途 秘密"
KOREAN = "바다 겨울 편지 꿈 달빛 도시 기억 약속 비밀 여름밤 그림자 정원 다리"
THAI = "ทะเล คืน ฝัน หัวใจ เมือง จันทร์ ฤดูหนาว สะพาน จดหมาย"
