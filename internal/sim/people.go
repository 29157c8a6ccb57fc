package sim

import "strings"

// person is an employee.
type person struct{ given, family, login, title string }

var givenNames = []string{
	"Amelia", "Bilal", "Chiara", "Dmitri", "Esther", "Farah", "Gustav", "Hana", "Ines", "Jonas", "Kwame", "Leila",
	"Mateo", "Noor", "Oskar", "Priya", "Quentin", "Rosa", "Soren", "Tomoko", "Ugo", "Vera", "Wanjiru", "Ximena",
	"Yusuf", "Zofia", "Aditi", "Björn", "Célia", "Dariusz", "Elin", "Fergus", "Greta", "Hugo", "Ismail", "Jiwoo",
	"Katarina", "Lorenzo", "Maren", "Nuno",
}

var familyNames = []string{
	"Abara", "Bergström", "Castellano", "Dijkstra", "Eriksen", "Fontaine", "Grabowski", "Haddad", "Ivanova", "Jansen",
	"Kowalska", "Lindqvist", "Moreau", "Nakamura", "Okafor", "Petrov", "Quiroga", "Rahman", "Schreiber", "Takahashi",
	"Umarov", "Vandermeer", "Whitfield", "Xavier", "Yilmaz", "Zimmermann", "Almeida", "Brandt", "Costa", "Duval",
	"Eze", "Falk", "Girard", "Hussain", "Ilić", "Jovanović", "Keller", "Larsen",
}

var titles = []string{
	"Software Engineer", "Senior Software Engineer", "Site Reliability Engineer", "Product Manager", "Data Engineer",
	"Security Analyst", "Engineering Manager", "Data Scientist", "Platform Engineer", "Support Engineer", "Finance Analyst",
	"QA Engineer", "Solutions Architect",
}

// person is the nth employee. Logins are unique: the same name gets a number.
func (o *Organization) person(n int) person {
	given := givenNames[n%len(givenNames)]
	family := familyNames[(n+n/len(givenNames)*5)%len(familyNames)]
	login := ascii(strings.ToLower(given + "." + family))
	// Each block of given names shifts the family names, so no pair repeats before all are used.
	if again := n / (len(givenNames) * len(familyNames)); again > 0 {
		login += "." + itoa(again+1)
	}
	return person{given, family, login, titles[o.seed.s("title").i(n).draw().n(len(titles))]}
}

func (p person) email() string { return p.login + "@example.com" }

var plainLetters = strings.NewReplacer("ö", "o", "é", "e", "ć", "c", "ø", "o", "å", "a")

// ascii writes a name as mail systems want it.
func ascii(s string) string { return plainLetters.Replace(s) }
